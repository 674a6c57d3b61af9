//! Draws a plan: topics as rounded boxes, nodes as boxes, records as arrows.

use std::fmt::Write;

use super::Plan;

/// The language of a drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawing {
    /// Mermaid, which Markdown viewers draw.
    Mermaid,
    /// Graphviz.
    Dot,
}

/// The text of the drawing.
pub fn draw(plan: &Plan, drawing: Drawing) -> String {
    let topic = |name: &str| format!("t_{}", id(name));
    let node = |name: &str| format!("n_{}", id(name));
    let mut text = match drawing {
        Drawing::Mermaid => "flowchart LR\n".to_owned(),
        Drawing::Dot => format!("digraph \"{}\" {{\n  rankdir=LR;\n", plan.name),
    };
    // Writing to a string does not fail.
    let mut line = |of: std::fmt::Arguments<'_>| {
        let _ = writeln!(text, "  {of}");
    };
    for planned in &plan.topics {
        let (id, name) = (topic(&planned.name), &planned.name);
        match drawing {
            Drawing::Mermaid => line(format_args!("{id}([{name}])")),
            Drawing::Dot => line(format_args!("{id} [label=\"{name}\", shape=box, style=rounded];")),
        }
    }
    for name in plan.node_names() {
        match drawing {
            Drawing::Mermaid => line(format_args!("{}[{name}]", node(name))),
            Drawing::Dot => line(format_args!("{} [label=\"{name}\", shape=box];", node(name))),
        }
    }
    let mut arrows: Vec<(String, String)> = Vec::new();
    for collect in &plan.collects {
        arrows.push((topic(&collect.from), node(&collect.name)));
        arrows.push((node(&collect.name), topic(&collect.to)));
        arrows.extend(collect.follow_ups.iter().map(|(_, to)| (node(&collect.name), topic(to))));
    }
    for way in &plan.repartitions {
        arrows.push((topic(&way.from), node(&way.name)));
        arrows.push((node(&way.name), topic(&way.to)));
    }
    if let Some(join) = &plan.join {
        arrows.extend(join.from.iter().map(|(_, from)| (topic(from), node(&join.name))));
        arrows.push((node(&join.name), topic(&join.to)));
    }
    for (from, to) in arrows {
        match drawing {
            Drawing::Mermaid => line(format_args!("{from} --> {to}")),
            Drawing::Dot => line(format_args!("{from} -> {to};")),
        }
    }
    if drawing == Drawing::Dot {
        text.push_str("}\n");
    }
    text
}

/// Letters and digits only; names differ in more than that only if somebody wants them to be confused.
fn id(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

//! The topics of a process by name, how many partitions each has, and which partitions go together.
//!
//! Work is dealt out by number, as many as the flow has partitions: partition 3 of every topic goes with number 3. A topic
//! that may have another number of partitions is dealt out by the same numbers, as if it were read in turns.

use std::sync::Arc;

/// A topic, as its place in [`Topics`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(pub u16);

/// The topics a process works with, by name.
#[derive(Clone, Debug)]
pub struct Topics {
    rows: Arc<[Row]>,
    partitions: u32,
}

#[derive(Clone, Debug)]
struct Row {
    name: String,
    /// Whether it may have another number of partitions than the flow.
    free: bool,
    partitions: u32,
}

impl Topics {
    /// A table of topics with `partitions` partitions each, at least 1.
    pub fn new(names: impl IntoIterator<Item = String>, partitions: u32) -> Self {
        let partitions = partitions.max(1);
        let row = |name| Row { name, free: false, partitions };
        Self { rows: names.into_iter().map(row).collect(), partitions }
    }

    /// The same table, in which the topics that `free` tells may have another number of partitions.
    pub fn letting(self, free: impl Fn(&str) -> bool) -> Self {
        let row = |row: &Row| Row { free: free(&row.name), ..row.clone() };
        Self { rows: self.rows.iter().map(row).collect(), ..self }
    }

    /// The same table, with the numbers of partitions that topics have, at least 1; what is not told stays.
    pub fn counted(self, count: impl Fn(&str) -> Option<u32>) -> Self {
        let row = |row: &Row| {
            let partitions = count(&row.name).map_or(row.partitions, |count| count.max(1));
            Row { partitions, ..row.clone() }
        };
        Self { rows: self.rows.iter().map(row).collect(), ..self }
    }

    /// The topic called `name`.
    pub fn find(&self, name: &str) -> Option<Topic> {
        self.rows.iter().position(|row| row.name == name).map(|index| Topic(index as u16))
    }

    /// The name of a topic of this table.
    pub fn name(&self, topic: Topic) -> &str {
        &self.row(topic).name
    }

    /// All topics of the table.
    pub fn iter(&self) -> impl Iterator<Item = Topic> + use<> {
        (0..self.rows.len() as u16).map(Topic)
    }

    /// The number of partitions of the flow.
    pub fn partitions(&self) -> u32 {
        self.partitions
    }

    /// The number of partitions of a topic.
    pub fn partitions_of(&self, topic: Topic) -> u32 {
        self.row(topic).partitions
    }

    /// Whether a topic may have another number of partitions than the flow.
    pub fn is_free(&self, topic: Topic) -> bool {
        self.row(topic).free
    }

    /// The number that a partition of any topic goes with.
    pub fn number(&self, partition: u32) -> u32 {
        partition % self.partitions
    }

    /// The partitions of a topic that go with a number.
    pub fn dealt(&self, topic: Topic, number: u32) -> impl Iterator<Item = u32> + use<> {
        (number..self.partitions_of(topic)).step_by(self.partitions as usize)
    }

    /// The partitions of several topics that go with these numbers.
    pub fn places(&self, of: &[Topic], numbers: &[u32]) -> Vec<(Topic, u32)> {
        let each = of.iter().flat_map(|&topic| numbers.iter().map(move |&number| (topic, number)));
        each.flat_map(|(topic, number)| self.dealt(topic, number).map(move |partition| (topic, partition)))
            .collect()
    }

    fn row(&self, topic: Topic) -> &Row {
        &self.rows[usize::from(topic.0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_goes_with_one_number() {
        let names = ["less", "as many", "more"].map(str::to_owned);
        let counts =
            |name: &str| [("less", 2), ("more", 8)].iter().find(|(of, _)| *of == name).map(|(_, n)| *n);
        let topics = Topics::new(names, 3).letting(|name| name != "as many").counted(counts);
        let dealt =
            |topic| (0..3).map(|number| topics.dealt(topic, number).collect()).collect::<Vec<Vec<_>>>();
        assert_eq!(dealt(Topic(0)), [vec![0], vec![1], vec![]]);
        assert_eq!(dealt(Topic(1)), [vec![0], vec![1], vec![2]]);
        assert_eq!(dealt(Topic(2)), [vec![0, 3, 6], vec![1, 4, 7], vec![2, 5]]);
        assert!(
            dealt(Topic(2))
                .iter()
                .zip(0..)
                .all(|(of, number)| of.iter().all(|p| topics.number(*p) == number))
        );
        assert_eq!(topics.iter().map(|topic| topics.is_free(topic)).collect::<Vec<_>>(), [true, false, true]);
    }
}

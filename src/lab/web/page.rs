//! Pages of the web hosts: a template, its repeated part, the name of the site, in a charset.
//!
//! Decides the text of a page, which depends on nothing but the asked name. Templates are in `data/pages/`.

use bytes::Bytes;
use encoding_rs::Encoding;

use crate::lab::universe::{Declared, Template, seed};

/// What a page is made of.
pub(super) struct Page<'a> {
    pub template: Template,
    /// How often the part between `<!--each-->` and `<!--end-->` is repeated.
    pub items: usize,
    /// Label of the charset (WHATWG Encoding).
    pub charset: &'a str,
    pub declared: Declared,
}

/// The page of the site called `name`, in its charset.
pub(super) fn render(page: &Page<'_>, name: &str) -> Bytes {
    let template = match page.template {
        Template::Shop => include_str!("../data/pages/shop.html"),
        Template::News => include_str!("../data/pages/news.html"),
        Template::Company => include_str!("../data/pages/company.html"),
        Template::Parked => include_str!("../data/pages/parked.html"),
        Template::Login => include_str!("../data/pages/login.html"),
    };
    let meta = match page.declared {
        Declared::InHeader => String::new(),
        Declared::InPage => format!("<meta charset=\"{}\">", page.charset),
    };
    let words = words(page.charset);
    let mut text = String::with_capacity(template.len() + page.items * 700);
    match template
        .split_once("<!--each-->")
        .and_then(|(head, rest)| Some((head, rest.split_once("<!--end-->")?)))
    {
        None => text.push_str(template),
        Some((head, (each, tail))) => {
            text.push_str(head);
            let start = seed(name) as usize;
            for n in 0..page.items {
                let word = words[start.wrapping_add(n) % words.len()];
                text.push_str(&each.replace("{n}", &(n + 1).to_string()).replace("{word}", word));
            }
            text.push_str(tail);
        }
    }
    let text = text.replace("{name}", name).replace("{meta}", &meta).replace("{word}", words[0]);
    let encoding = Encoding::for_label(page.charset.as_bytes()).unwrap_or(encoding_rs::UTF_8);
    encoding.encode(&text).0.into_owned().into()
}

/// Words that show whether the charset was honoured.
fn words(charset: &str) -> &'static [&'static str] {
    match charset {
        "shift_jis" | "euc-jp" => &["お知らせ", "製品情報", "会社概要", "採用情報"],
        "gb18030" => &["最新消息", "产品介绍", "联系我们", "公司简介"],
        "windows-1251" => &["Новости", "Объявления", "Каталог", "Контакты"],
        "iso-8859-1" => &["Größe", "Überraschung", "señal", "naïve façade"],
        _ => &["Žluťoučký kůň", "Příliš úpěl", "ďábelské ódy", "Křišťálová váza", "Šípková růže"],
    }
}

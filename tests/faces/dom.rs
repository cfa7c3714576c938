//! A page as a parser sees it.
#![allow(dead_code, reason = "two rings of tests read it, each its own part")]

use html5ever::tendril::TendrilSink;
use html5ever::tokenizer::TokenizerOpts;
use html5ever::tree_builder::TreeBuilderOpts;
use html5ever::{ParseOpts, parse_document};
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use std::collections::BTreeSet;

/// A page.
pub(crate) struct Page {
    /// What the parser complained about.
    pub(crate) errors: Vec<String>,
    /// All elements, in order.
    pub(crate) elements: Vec<Element>,
}

/// One element.
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    /// All text in it and below it.
    pub(crate) text: String,
    /// The classes of all elements that it stands in, its own included.
    within: BTreeSet<String>,
    /// Whether it is part of what is not shown.
    pub(crate) in_head: bool,
}

impl Element {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Whether it has this name and this class.
    pub(crate) fn is(&self, name: &str, class: &str) -> bool {
        self.name == name && self.attribute("class").is_some_and(|found| found.split(' ').any(|one| one == class))
    }

    /// Whether it stands in an element of this class.
    pub(crate) fn is_in(&self, class: &str) -> bool {
        self.within.contains(class)
    }
}

impl Page {
    /// Parses it, with the most exact complaints that there are.
    pub(crate) fn of(html: &str) -> Self {
        let options = ParseOpts {
            tokenizer: TokenizerOpts { exact_errors: true, ..TokenizerOpts::default() },
            tree_builder: TreeBuilderOpts { exact_errors: true, ..TreeBuilderOpts::default() },
        };
        let dom: RcDom = parse_document(RcDom::default(), options).one(html);
        let mut elements = Vec::new();
        collect(&dom.document, &BTreeSet::new(), false, &mut elements);
        let errors = dom.errors.borrow().iter().map(ToString::to_string).collect();
        Self { errors, elements }
    }

    /// The texts of some elements.
    pub(crate) fn texts(&self, which: impl Fn(&Element) -> bool) -> BTreeSet<String> {
        self.elements.iter().filter(|one| which(one)).map(|one| one.text.clone()).collect()
    }

    /// The elements with the names of their attributes.
    pub(crate) fn shapes(&self) -> BTreeSet<String> {
        let shape = |one: &Element| {
            let names: BTreeSet<&str> = one.attributes.iter().map(|(name, _)| name.as_str()).collect();
            format!("{} {}", one.name, names.into_iter().collect::<Vec<_>>().join(" "))
        };
        self.elements.iter().map(shape).collect()
    }

    /// Everything in it that would load something or run something.
    pub(crate) fn loads_or_runs(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let active = ["script", "img", "iframe", "object", "embed", "form", "input", "button", "video", "audio", "base", "a"];
        for one in &self.elements {
            if active.contains(&one.name.as_str()) {
                wrong.push(format!("an element {}", one.name));
            }
            for (name, value) in &one.attributes {
                let loads = ["href", "src", "srcset", "action", "data", "background", "poster"].contains(&name.as_str());
                if name.starts_with("on") || name == "style" || loads && value != "data:," {
                    wrong.push(format!("{name}={value} of {}", one.name));
                }
            }
            if one.name == "style" && ["url(", "@import", "expression", "</"].iter().any(|word| one.text.contains(word)) {
                wrong.push("a style sheet that loads".to_owned());
            }
        }
        let policies: Vec<&Element> =
            self.elements.iter().filter(|one| one.attribute("http-equiv") == Some("Content-Security-Policy")).collect();
        let strict = |one: &&Element| {
            let policy = one.attribute("content").unwrap_or_default();
            policy.starts_with("default-src 'none'; style-src 'unsafe-inline'; img-src data:;") && !policy.contains("script")
        };
        if policies.len() != 1 || !policies.iter().all(strict) {
            wrong.push("no strict policy".to_owned());
        }
        wrong
    }
}

fn collect(node: &Handle, within: &BTreeSet<String>, mut in_head: bool, elements: &mut Vec<Element>) {
    let mut within = within.clone();
    if let NodeData::Element { name, attrs, .. } = &node.data {
        let attributes: Vec<(String, String)> =
            attrs.borrow().iter().map(|one| (one.name.local.to_string(), one.value.to_string())).collect();
        let classes = attributes.iter().filter(|(name, _)| name == "class").flat_map(|(_, value)| value.split(' '));
        within.extend(classes.map(str::to_owned));
        in_head |= &*name.local == "head";
        let mut text = String::new();
        read(node, &mut text);
        elements.push(Element { name: name.local.to_string(), attributes, text, within: within.clone(), in_head });
    }
    for child in node.children.borrow().iter() {
        collect(child, &within, in_head, elements);
    }
}

fn read(node: &Handle, text: &mut String) {
    if let NodeData::Text { contents } = &node.data {
        text.push_str(&contents.borrow());
    }
    node.children.borrow().iter().for_each(|child| read(child, text));
}

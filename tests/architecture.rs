//! Dependencies point one way: no module uses one that stands after it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::Path;

use support::project;

/// The modules from the ground up.
const ORDER: [&str; 13] = [
    "storage", "topic", "distinct", "output", "error", "args", "config", "script", "catalog", "rewrite", "session",
    "query", "command",
];

fn sources(path: &Path) -> Vec<String> {
    if path.is_dir() {
        return std::fs::read_dir(path).unwrap().flat_map(|entry| sources(&entry.unwrap().path())).collect();
    }
    std::fs::read_to_string(path).into_iter().collect()
}

/// The modules that a module's code names, its tests included.
fn uses(module: &str) -> Vec<String> {
    let source = project().join("src");
    let texts = [source.join(format!("{module}.rs")), source.join(module)];
    let texts: Vec<_> = texts.iter().filter(|path| path.exists()).flat_map(|path| sources(path)).collect();
    assert!(!texts.is_empty(), "there is no module {module}");
    let code = texts.iter().flat_map(|text| text.lines()).filter(|line| !line.trim_start().starts_with("//"));
    let names = code.flat_map(|line| line.split("crate::").skip(1));
    names.map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned()).collect()
}

#[test]
fn no_module_uses_its_users() {
    for (place, module) in ORDER.iter().enumerate() {
        for used in uses(module) {
            let below = ORDER.iter().position(|other| *other == used);
            assert!(below.is_some_and(|below| below <= place), "{module} uses {used}, which stands above it");
        }
    }
}

#[test]
fn every_module_has_its_place() {
    let lib = std::fs::read_to_string(project().join("src/lib.rs")).unwrap();
    let mut declared: Vec<_> =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let mut order = ORDER;
    declared.sort_unstable();
    order.sort_unstable();
    assert_eq!(declared, order);
}

//! No circle of more than two modules inside a crate.
//!
//! A module is a file or folder directly below `src`. It knows another when its code names it by a
//! path from the root of the crate (`crate::a`, `super::a`), or an item that `lib.rs` shows from
//! there. Tests inside the crate do not count. Circles are the strongly connected parts of that
//! graph.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::source::Source;
use crate::workspace::{crates, files, read, root};

/// Who knows whom, each edge with the file that makes it.
type Graph = BTreeMap<String, BTreeMap<String, String>>;

const LIMIT: usize = 2;

#[test]
fn no_crate_has_a_circle_of_more_than_two_modules() {
    let mut broken = Vec::new();
    for name in &crates() {
        let graph = graph(&root().join("crates").join(name).join("src"));
        for circle in circles(&graph).into_iter().filter(|circle| circle.len() > LIMIT) {
            broken.push(format!("{name}: {}\n{}", circle.join(", "), edges(&graph, &circle)));
        }
    }
    assert!(broken.is_empty(), "circles of modules:\n{}", broken.join("\n"));
}

/// The modules of a crate.
fn graph(src: &Path) -> Graph {
    let sources = files(src, &[".rs"]).into_iter();
    let sources = sources.map(|path| {
        let inside = path.strip_prefix(src).unwrap().with_extension("");
        let inside = inside.to_str().unwrap().split('/').map(str::to_owned).collect();
        (inside, Source::read(&read(&path)).code)
    });
    graph_of(&sources.collect::<Vec<_>>())
}

/// The same of files by the paths of their modules, e.g. `["a", "b"]` for `a/b.rs`.
fn graph_of(sources: &[(Vec<String>, String)]) -> Graph {
    let roots: Vec<_> = ["lib", "main"].map(|name| vec![name.to_owned()]).into();
    let of_root = |inside: &Vec<String>| roots.contains(inside);
    let top: String = sources
        .iter()
        .filter(|(inside, _)| of_root(inside))
        .map(|(_, code)| code.as_str())
        .collect();
    let (for_tests, shown) = (for_tests(&top), shown(&top));
    let modules: BTreeSet<_> = sources.iter().map(|(inside, _)| inside[0].clone()).collect();
    let mut graph = Graph::new();
    for (inside, code) in sources.iter().filter(|(inside, _)| !of_root(inside)) {
        let is_test = inside.iter().any(|part| part == "tests") || for_tests.contains(&inside[0]);
        if is_test {
            continue;
        }
        let from = &inside[0];
        for name in names_at_root(&without_tests(code), inside.len()) {
            let to = if modules.contains(&name) { Some(&name) } else { shown.get(&name) };
            if let Some(to) = to.filter(|to| *to != from && modules.contains(*to)) {
                let file = inside.join("/");
                graph.entry(from.clone()).or_default().entry(to.clone()).or_insert(file);
            }
        }
    }
    graph
}

/// The modules that are declared for tests only.
fn for_tests(top: &str) -> BTreeSet<String> {
    let after = top.split("#[cfg(test)]").skip(1);
    let words = after.map(|after| after.split_whitespace().take(3).collect::<Vec<_>>());
    words
        .filter_map(|words| words.iter().find_map(|word| word.strip_suffix(';')).map(str::to_owned))
        .collect()
}

/// The items that the root of the crate shows, each with the module that it comes from.
fn shown(top: &str) -> BTreeMap<String, String> {
    let mut items = BTreeMap::new();
    for statement in top.split("use ").skip(1) {
        let statement: String = statement.split(';').next().unwrap_or_default().into();
        let path = statement.trim_start_matches("crate::").trim_start_matches("self::");
        let Some((module, rest)) = path.split_once("::") else { continue };
        let words = rest.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        for word in words.filter(|word| !word.is_empty()) {
            items.insert(word.to_owned(), module.trim().to_owned());
        }
    }
    items
}

/// Code without the modules that are compiled for tests.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some((before, after)) = rest.split_once("#[cfg(test)]") {
        kept.push_str(before);
        let body = after.find(['{', ';']).unwrap_or(after.len());
        rest = if after[body..].starts_with('{') {
            after_braces(&after[body..])
        } else {
            &after[body..]
        };
    }
    kept + rest
}

fn after_braces(code: &str) -> &str {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &code[at + 1..];
        }
    }
    ""
}

/// The first names of all paths from the root of the crate, in a module so deep.
fn names_at_root(code: &str, depth: usize) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (opening, ups) in [("crate::", depth), ("super::", 1)] {
        for (at, _) in code.match_indices(opening) {
            let before = &code[..at];
            if before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$' || c == ':') {
                continue;
            }
            let mut rest = &code[at + opening.len()..];
            let mut ups = ups;
            while let Some(further) = rest.strip_prefix("super::") {
                (rest, ups) = (further, ups + 1);
            }
            if ups == depth {
                names.extend(first_names(rest));
            }
        }
    }
    names
}

/// The first name of a path, or those of a group in braces.
fn first_names(path: &str) -> Vec<String> {
    let name = |path: &str| {
        let path = path.trim_start();
        let end = path.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(path.len());
        path[..end].to_owned()
    };
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut depth, mut names, mut begins) = (1_usize, Vec::new(), 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => {
                names.push(name(&group[begins..at]));
                begins = at + 1;
            }
            _ => {}
        }
        if depth == 0 {
            names.push(name(&group[begins..at]));
            break;
        }
    }
    names
}

/// The strongly connected parts of more than one module.
fn circles(graph: &Graph) -> Vec<Vec<String>> {
    let reached: BTreeMap<_, _> = graph.keys().map(|from| (from, reachable(graph, from))).collect();
    let mut circles = BTreeSet::new();
    for (from, reaches) in &reached {
        let mutual =
            reaches.iter().filter(|to| reached.get(to).is_some_and(|back| back.contains(*from)));
        let circle: Vec<_> = mutual.cloned().collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

fn reachable(graph: &Graph, from: &str) -> BTreeSet<String> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
    while let Some(next) = open.pop() {
        for to in graph.get(&next).into_iter().flat_map(BTreeMap::keys) {
            if seen.insert(to.clone()) {
                open.push(to.clone());
            }
        }
    }
    seen
}

/// The edges inside a circle, for whoever breaks it.
fn edges(graph: &Graph, circle: &[String]) -> String {
    let mut lines = String::new();
    for from in circle {
        for (to, file) in graph[from].iter().filter(|(to, _)| circle.contains(to)) {
            lines += &["    ", from, " -> ", to, " (in ", file, ".rs)\n"].concat();
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{circles, graph_of};

    fn found(sources: &[(&str, &str)]) -> Vec<Vec<String>> {
        let split = |path: &str| path.split('/').map(str::to_owned).collect();
        let sources = sources.iter().map(|(path, code)| (split(path), (*code).to_owned()));
        circles(&graph_of(&sources.collect::<Vec<_>>()))
    }

    #[test]
    fn a_circle_of_three_is_found_however_its_paths_are_written() {
        let tree = [
            ("lib", "mod a; mod b; mod c; mod d;\npub use c::{deep::Thing, Other as Named};"),
            ("a", "use crate::{b::{X, Y}, d};"),
            ("b", "pub struct X;"),
            ("b/inner", "fn f() -> super::super::Thing { super::g() }"),
            ("c", "fn f() { super::a::g() }"),
            ("d", "fn f() {}"),
        ];
        assert_eq!(found(&tree), [["a", "b", "c"]]);
    }

    #[test]
    fn tests_and_paths_downwards_make_no_circle() {
        let tree = [
            ("lib", "mod a; mod b; mod c;\n#[cfg(test)]\nmod fixture;"),
            ("a", "use crate::b;"),
            ("a/tests", "use crate::c;"),
            ("b", "mod inner; use crate::c;\n#[cfg(test)]\nmod tests { use crate::a; fn f() {} }"),
            ("b/inner", "use super::g;"),
            ("c", "#[cfg(test)]\nuse crate::a;"),
            ("fixture", "use crate::a;"),
        ];
        assert_eq!(found(&tree), Vec::<Vec<String>>::new());
    }
}

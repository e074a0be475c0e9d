//! Coverage in the lcov trace format: rules and derived roles are functions, condition nodes are branches and lines.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Coverage, FileCoverage};

/// The trace file. `root` stands before file names, so that tools find the files from where they run.
#[must_use]
pub fn lcov(coverage: &Coverage, root: &str) -> String {
    let mut out = String::new();
    for of in coverage.files() {
        file(of, root, &mut out);
    }
    out
}

fn file(of: FileCoverage<'_>, root: &str, out: &mut String) {
    let root = root.trim_end_matches('/');
    let slash = if root.is_empty() { "" } else { "/" };
    let _ = writeln!(out, "TN:\nSF:{root}{slash}{}", of.plan().file.name());
    let items: Vec<_> = of.items().collect();
    for (item, _, _) in &items {
        let _ = writeln!(out, "FN:{},{}", item.line, item.name);
    }
    for (item, hits, _) in &items {
        let _ = writeln!(out, "FNDA:{},{}", hits.met, item.name);
    }
    let hit = items.iter().filter(|(_, hits, _)| hits.met > 0).count();
    let _ = writeln!(out, "FNF:{}\nFNH:{hit}", items.len());
    let mut lines: BTreeMap<u32, u64> = BTreeMap::new();
    let (mut found, mut taken) = (0, 0);
    for (block, (item, hits, branches)) in items.iter().enumerate() {
        let line = lines.entry(item.line).or_default();
        *line = (*line).max(hits.asked);
        let mut branch = 0;
        for (node, b) in item.nodes.iter().zip(branches) {
            let reached = b.met + b.unmet + b.failed;
            let line = lines.entry(node.line).or_default();
            *line = (*line).max(reached);
            for count in [b.met, b.unmet] {
                let shown = if reached == 0 { "-".to_owned() } else { count.to_string() };
                let _ = writeln!(out, "BRDA:{},{block},{branch},{shown}", node.line);
                branch += 1;
                found += 1;
                taken += usize::from(count > 0);
            }
        }
    }
    let _ = writeln!(out, "BRF:{found}\nBRH:{taken}");
    for (line, hits) in &lines {
        let _ = writeln!(out, "DA:{line},{hits}");
    }
    let _ = writeln!(out, "LF:{}\nLH:{}\nend_of_record", lines.len(), lines.values().filter(|h| **h > 0).count());
}

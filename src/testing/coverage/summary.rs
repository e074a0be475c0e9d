//! Shares of what was covered, and the table for a terminal.

use std::fmt::Write as _;

use super::{Coverage, FileCoverage, ItemKind};

/// How many of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Covered.
    pub hit: usize,
    /// All.
    pub all: usize,
}

impl Share {
    fn add(&mut self, hit: bool) {
        self.hit += usize::from(hit);
        self.all += 1;
    }

    fn join(&mut self, other: Self) {
        self.hit += other.hit;
        self.all += other.all;
    }

    /// Hundredths; 100 of nothing.
    #[must_use]
    pub fn percent(self) -> f64 {
        if self.all == 0 { 100.0 } else { 100.0 * self.hit as f64 / self.all as f64 }
    }

    fn cell(self) -> String {
        if self.all == 0 {
            return "-".to_owned();
        }
        // what is not whole never shows as 100.0
        let tenths = (self.percent() * 10.0).floor() / 10.0;
        format!("{}/{} {tenths:.1} %", self.hit, self.all)
    }
}

/// The shares of a file, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// Rules that applied at least once.
    pub rules: Share,
    /// Of each condition node two outcomes: seen true, seen false.
    pub branches: Share,
    /// Derived roles: seen active; those with a condition also seen inactive.
    pub derived_roles: Share,
    /// Effects that rules of the file can have and that decided something.
    pub effects: Share,
}

impl Shares {
    /// The shares of one file.
    #[must_use]
    pub fn of(file: FileCoverage<'_>) -> Self {
        let mut shares = Self::default();
        let mut effects = [(ItemKind::Allow, None), (ItemKind::Deny, None)];
        for (item, hits, branches) in file.items() {
            if item.kind == ItemKind::DerivedRole {
                shares.derived_roles.add(hits.met > 0);
                if !item.nodes.is_empty() {
                    shares.derived_roles.add(hits.unmet > 0);
                }
            } else {
                shares.rules.add(hits.met > 0);
            }
            for (kind, decided) in &mut effects {
                if *kind == item.kind {
                    *decided = Some(decided.unwrap_or(false) || hits.decided > 0);
                }
            }
            for branch in branches {
                shares.branches.add(branch.met > 0);
                shares.branches.add(branch.unmet > 0);
            }
        }
        for decided in effects.into_iter().filter_map(|(_, decided)| decided) {
            shares.effects.add(decided);
        }
        shares
    }

    /// The shares of all files together.
    #[must_use]
    pub fn total(coverage: &Coverage) -> Self {
        let mut total = Self::default();
        for file in coverage.files() {
            let own = Self::of(file);
            total.rules.join(own.rules);
            total.branches.join(own.branches);
            total.derived_roles.join(own.derived_roles);
            total.effects.join(own.effects);
        }
        total
    }

    /// The least of rules, branches and derived roles, in hundredths.
    #[must_use]
    pub fn least(self) -> f64 {
        self.rules.percent().min(self.branches.percent()).min(self.derived_roles.percent())
    }

    fn cells(self) -> [String; 4] {
        [self.rules, self.branches, self.derived_roles, self.effects].map(Share::cell)
    }
}

/// The table for a terminal, and a line for whatever was never seen.
#[must_use]
pub fn text(coverage: &Coverage) -> String {
    let mut rows = vec![["policy", "rules", "branches", "derived roles", "effects"].map(str::to_owned)];
    let row = |name: &str, shares: Shares| {
        let [a, b, c, d] = shares.cells();
        [name.to_owned(), a, b, c, d]
    };
    rows.extend(coverage.files().map(|f| row(f.plan().file.name(), Shares::of(f))));
    rows.push(row("all", Shares::total(coverage)));
    let width = |i: usize| rows.iter().filter_map(|r| r.get(i)).map(|c| c.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    let mut out = String::from("Coverage\n");
    for row in &rows {
        let mut line = String::new();
        for (i, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let gap = " ".repeat(width - cell.chars().count());
            let _ = if i == 0 { write!(line, "{cell}{gap}") } else { write!(line, "  {gap}{cell}") };
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    let gaps: Vec<String> = coverage.files().flat_map(gaps).collect();
    if !gaps.is_empty() {
        let _ = writeln!(out, "\nNever seen");
        for gap in gaps {
            let _ = writeln!(out, "{gap}");
        }
    }
    out
}

/// What was never seen in a file, each with its place.
pub(super) fn gaps(file: FileCoverage<'_>) -> Vec<String> {
    let name = file.plan().file.name();
    let mut out = Vec::new();
    for (item, hits, branches) in file.items() {
        let what = item.kind.word();
        if hits.asked == 0 {
            out.push(format!("{name}:{}: {what} `{}` was never asked", item.line, item.name));
            continue;
        }
        if hits.met == 0 {
            out.push(format!("{name}:{}: {what} `{}` never applied", item.line, item.name));
        }
        for (node, branch) in item.nodes.iter().zip(branches) {
            let missing = match (branch.met, branch.unmet) {
                (0, 0) => "never evaluated",
                (0, _) => "never true",
                (_, 0) => "never false",
                _ => continue,
            };
            let text = node.text.split_whitespace().collect::<Vec<_>>().join(" ");
            out.push(format!("{name}:{}: `{text}` of `{}` {missing}", node.line, item.name));
        }
    }
    out
}

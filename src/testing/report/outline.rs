//! Lines with lines under them, drawn with branches or by indentation. Knows nothing of tests.

/// A line with what belongs under it.
#[derive(Clone, Debug, Default)]
pub(super) struct Outline {
    text: String,
    children: Vec<Outline>,
}

impl Outline {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), children: Vec::new() }
    }

    pub(super) fn add(&mut self, child: Outline) {
        self.children.push(child);
    }

    pub(super) fn with(mut self, child: Outline) -> Self {
        self.add(child);
        self
    }

    pub(super) fn is_leaf(&self) -> bool {
        self.children.is_empty()
    }
}

/// Draws with branches.
pub(super) fn tree(roots: &[Outline]) -> String {
    let mut out = String::new();
    branches(roots, "", &mut out);
    out
}

/// Recursive: outlines are a fixed number of levels deep.
fn branches(lines: &[Outline], prefix: &str, out: &mut String) {
    for (i, line) in lines.iter().enumerate() {
        let last = i + 1 == lines.len();
        let below = format!("{prefix}{}", if last { "  " } else { "│ " });
        out.push_str(prefix);
        out.push_str(if last { "└─" } else { "├─" });
        out.push_str(if line.is_leaf() { "─" } else { "┬" });
        for (n, part) in line.text.split('\n').enumerate() {
            if n > 0 {
                out.push_str(&below);
                out.push(' ');
            }
            out.push_str(part);
            out.push('\n');
        }
        branches(&line.children, &below, out);
    }
}

/// Draws by indentation.
pub(super) fn list(roots: &[Outline]) -> String {
    let mut out = String::new();
    indented(roots, 0, &mut out);
    out
}

fn indented(lines: &[Outline], depth: usize, out: &mut String) {
    for line in lines {
        for part in line.text.split('\n') {
            out.push_str(&"  ".repeat(depth));
            out.push_str(part);
            out.push('\n');
        }
        indented(&line.children, depth + 1, out);
    }
}

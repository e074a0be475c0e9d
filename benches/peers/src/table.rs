//! A table of figures as Markdown.

/// A title, a head and lines.
pub struct Table {
    title: String,
    head: Vec<String>,
    lines: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(title: &str, head: &[&str]) -> Self {
        Self { title: title.into(), head: head.iter().map(|h| (*h).into()).collect(), lines: Vec::new() }
    }

    /// Adds a line.
    pub fn line(&mut self, line: Vec<String>) {
        self.lines.push(line);
    }

    /// Prints it.
    pub fn print(&self) {
        println!("\n### {}\n", self.title);
        println!("| {} |", self.head.join(" | "));
        println!("|{}", "---|".repeat(self.head.len()));
        for line in &self.lines {
            println!("| {} |", line.join(" | "));
        }
    }
}

/// A time of nanoseconds, in the unit that suits it.
pub fn nanos(n: f64) -> String {
    match n {
        n if n < 1_000.0 => format!("{n:.0} ns"),
        n if n < 1_000_000.0 => format!("{:.2} µs", n / 1e3),
        n if n < 1_000_000_000.0 => format!("{:.2} ms", n / 1e6),
        n => format!("{:.2} s", n / 1e9),
    }
}

/// A ratio.
pub fn times(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.2} ×") } else { format!("{ratio:.0} ×") }
}

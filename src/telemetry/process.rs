//! Figures of the process that the kernel keeps, under the names that every Prometheus client gives them.

use std::fs;

/// A figure: name, help, whether it only grows, value.
pub(super) type Figure = (&'static str, &'static str, bool, f64);

/// What can be told now; nothing where there is no `/proc`.
pub(super) fn figures() -> Vec<Figure> {
    let mut all = Vec::new();
    let ticks = ticks_per_second();
    if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(|s| s.rsplit_once(')')) {
        // From the third field on.
        let field = |n: usize| stat.1.split_whitespace().nth(n - 3).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
        let seconds = (field(14) + field(15)) / ticks;
        all.push(("process_cpu_seconds", "Total user and system CPU time spent in seconds", true, seconds));
        all.push(("process_virtual_memory_bytes", "Virtual memory size in bytes", false, field(23)));
        all.push(("process_resident_memory_bytes", "Resident memory size in bytes", false, field(24) * page_bytes()));
        if let Some(boot) = boot_time() {
            let help = "Start time of the process since unix epoch in seconds";
            all.push(("process_start_time_seconds", help, false, boot + field(22) / ticks));
        }
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // One of them is the directory's own.
        let count = open.count().saturating_sub(1) as f64;
        all.push(("process_open_fds", "Number of open file descriptors", false, count));
    }
    if let Some(most) = fs::read_to_string("/proc/self/limits").ok().and_then(|l| most_files(&l)) {
        all.push(("process_max_fds", "Maximum number of open file descriptors", false, most));
    }
    all
}

fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|l| l.strip_prefix("btime "))?.trim().parse().ok()
}

fn most_files(limits: &str) -> Option<f64> {
    let line = limits.lines().find_map(|l| l.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The kernel's unit of CPU time to programs: a hundredth of a second on every architecture in use.
fn ticks_per_second() -> f64 {
    100.0
}

fn page_bytes() -> f64 {
    // The two sizes of memory in the same units as `statm` has them: pages, and bytes of the status.
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let pages = statm.split_whitespace().next().and_then(|n| n.parse::<f64>().ok());
    let kilobytes = status.lines().find_map(|l| l.strip_prefix("VmSize:"));
    let kilobytes = kilobytes.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse::<f64>().ok());
    match (pages, kilobytes) {
        (Some(pages), Some(kilobytes)) if pages > 0.0 => {
            // Between the two readings memory may have grown: a page is a power of two.
            2_f64.powf((kilobytes * 1024.0 / pages).log2().round())
        }
        _ => 4096.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_measured() {
        let all = figures();
        let value = |name: &str| all.iter().find(|f| f.0 == name).map_or(0.0, |f| f.3);
        assert!(value("process_resident_memory_bytes") > 100_000.0, "{all:?}");
        assert!(value("process_resident_memory_bytes") < value("process_virtual_memory_bytes"), "{all:?}");
        assert!(value("process_open_fds") >= 3.0 && value("process_start_time_seconds") > 1e9, "{all:?}");
        assert_eq!(
            most_files("Max open files            1024                 524288               files"),
            Some(1024.0)
        );
    }
}

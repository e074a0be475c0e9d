//! "Did you mean": the closest of a few known names.

/// The known name closest to what was written, if it is close enough to be meant.
#[must_use]
pub fn closest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let simple =
        |s: &str| s.chars().filter(|c| *c != '_' && *c != '-').flat_map(char::to_lowercase).collect::<String>();
    if written.len() > 64 {
        return None;
    }
    let target = simple(written);
    let most = match target.chars().count() {
        0 => return None,
        1..=3 => 1,
        4..=7 => 2,
        _ => 3,
    };
    known
        .into_iter()
        .map(|name| (distance(&target, &simple(name)), name))
        .filter(|(d, name)| *d <= most && *d < name.chars().count())
        .min_by_key(|(d, _)| *d)
        .map(|(_, name)| name)
}

/// Edits (insert, delete, replace, swap of neighbours) between two short texts.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let get = |r: &[usize], k: usize| r.get(k).copied().unwrap_or(usize::MAX / 2);
            let replace = get(&last, j) + usize::from(ca != cb);
            let mut best = replace.min(get(&last, j + 1) + 1).min(get(&row, j) + 1);
            if i > 0 && j > 0 && a.get(i - 1) == Some(cb) && b.get(j - 1) == Some(ca) {
                best = best.min(get(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_name_that_was_meant() {
        let known = ["actions", "effect", "roles", "derivedRoles", "condition", "output", "name"];
        for (written, want) in [
            ("efect", Some("effect")),
            ("derived_role", Some("derivedRoles")),
            ("DerivedRoles", Some("derivedRoles")),
            ("conditoin", Some("condition")),
            ("role", Some("roles")),
            ("xyz", None),
            ("", None),
        ] {
            assert_eq!(closest(written, known), want, "{written}");
        }
    }
}

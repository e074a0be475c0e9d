//! Keeps the invariant of [`Map::Fields`](crate::cel::value::Map): unique keys, sorted above [`SORTED_ABOVE`].

use bumpalo::Bump;

use crate::cel::texts::same;
use crate::cel::value::SORTED_ABOVE;

/// Sorts entries whose keys are known to be unique, if they are many.
pub(crate) fn sort<T>(fields: &mut [(&str, T)]) {
    if fields.len() > SORTED_ABOVE {
        fields.sort_unstable_by(|a, b| a.0.cmp(b.0));
    }
}

/// The entries with unique keys: of equal keys the last one counts, in the place of the first (small maps) or by order
/// of keys (large ones).
pub(crate) fn unique<'a, T: Copy>(fields: &'a mut [(&'a str, T)], bump: &'a Bump) -> &'a [(&'a str, T)] {
    if fields.len() > SORTED_ABOVE {
        return sorted(fields, bump);
    }
    let mut kept = 0;
    for next in 0..fields.len() {
        let Some(&(name, value)) = fields.get(next) else { break };
        if let Some(earlier) = fields.iter_mut().take(kept).find(|(k, _)| same(k, name)) {
            earlier.1 = value;
            continue;
        }
        if kept != next {
            fields.swap(kept, next);
        }
        kept += 1;
    }
    fields.get(..kept).unwrap_or_default()
}

/// Sorted by key, the last one of equal keys kept. Takes n log n whatever the keys.
fn sorted<'a, T: Copy>(fields: &'a [(&'a str, T)], bump: &'a Bump) -> &'a [(&'a str, T)] {
    let Some(&first) = fields.first() else { return &[] };
    if fields.is_sorted_by(|a, b| a.0 < b.0) {
        return fields;
    }
    let order = bump.alloc_slice_fill_with(fields.len(), |i| i as u32);
    let name = |i: u32| fields.get(i as usize).map_or("", |f| f.0);
    order.sort_unstable_by(|&a, &b| name(a).cmp(name(b)).then(a.cmp(&b)));
    let sorted = bump.alloc_slice_fill_copy(fields.len(), first);
    let mut kept = 0;
    for (at, &i) in order.iter().enumerate() {
        let replaced = order.get(at + 1).is_some_and(|&next| name(next) == name(i));
        if let (false, Some(field), Some(slot)) = (replaced, fields.get(i as usize), sorted.get_mut(kept)) {
            *slot = *field;
            kept += 1;
        }
    }
    sorted.get(..kept).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_of_equal_keys_wins() {
        for n in [1_usize, 3, 16, 17, 40, 1000] {
            let bump = Bump::new();
            let keys: Vec<String> = (0..n).map(|i| format!("k{}", (i * 7) % n.div_ceil(2))).collect();
            let mut fields: Vec<(&str, usize)> = keys.iter().enumerate().map(|(i, k)| (k.as_str(), i)).collect();
            let expected: std::collections::BTreeMap<&str, usize> = fields.iter().copied().collect();
            let got = unique(&mut fields, &bump);
            assert_eq!(got.len(), expected.len(), "{n} entries");
            assert_eq!(got.iter().copied().collect::<std::collections::BTreeMap<_, _>>(), expected);
            assert!(got.len() <= SORTED_ABOVE || got.is_sorted_by(|a, b| a.0 < b.0));
        }
    }
}

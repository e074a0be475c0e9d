//! Random edit scripts: after every edit of a directory, what the live store serves, and what it says is wrong, is what a
//! store opened afresh on the same files serves and says. `TOOLGATE_EDIT_SCRIPTS` sets the number of scripts.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::*;

/// A small seeded generator (splitmix64).
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Files in memory, with the inodes and times a disk would show. All times are long past.
#[derive(Clone, Debug, Default)]
struct Memory(Arc<Mutex<Tree>>);

#[derive(Debug, Default)]
struct Tree {
    files: BTreeMap<String, (Stat, Vec<u8>)>,
    ticks: i128,
}

impl Tree {
    fn write(&mut self, name: &str, text: impl Into<Vec<u8>>) {
        self.ticks += 1;
        let bytes = text.into();
        let old = self.files.get(name).map(|(stat, _)| stat.id);
        let id = old.unwrap_or((1, self.ticks as u64));
        // The time of the last write may be set back, and the size may be the same: neither says that nothing changed.
        let stat = Stat { kind: Kind::File, id, size: bytes.len() as u64, modified: 7, changed: self.ticks };
        self.files.insert(name.to_owned(), (stat, bytes));
    }

    fn rename(&mut self, from: &str, to: &str) {
        if let Some((stat, bytes)) = self.files.remove(from) {
            self.ticks += 1;
            self.files.insert(to.to_owned(), (Stat { changed: self.ticks, ..stat }, bytes));
        }
    }

    fn names(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }
}

const ROOT: &str = "/policies";

fn below_root(path: &Path) -> String {
    path.strip_prefix(ROOT).unwrap().to_str().unwrap().to_owned()
}

impl Files for Memory {
    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        let at = below_root(directory);
        let start = if at.is_empty() { at } else { format!("{at}/") };
        let tree = self.0.lock().unwrap();
        let below = tree.files.keys().filter_map(|name| name.strip_prefix(&start));
        let names: BTreeSet<&str> = below.filter_map(|rest| rest.split('/').next()).collect();
        Ok(names.into_iter().map(OsString::from).collect())
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let at = below_root(path);
        let tree = self.0.lock().unwrap();
        match tree.files.get(&at) {
            Some((stat, _)) => Ok(*stat),
            None if at.is_empty() || tree.files.keys().any(|n| n.starts_with(&format!("{at}/"))) => {
                Ok(Stat { kind: Kind::Directory, id: (2, at.len() as u64), size: 0, modified: 1, changed: 1 })
            }
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<(Stat, Vec<u8>)> {
        let tree = self.0.lock().unwrap();
        let (stat, bytes) = tree.files.get(&below_root(path)).ok_or(io::ErrorKind::NotFound)?;
        Ok((*stat, bytes.iter().copied().take(limit as usize).collect()))
    }
}

const HEAD: &str = "apiVersion: api.cerbos.dev/v1\n";

/// What a file may say, by its usual name.
fn texts(name: &str, n: usize) -> String {
    let resource =
        |kind: &str, more: &str| format!("{HEAD}resourcePolicy:\n  resource: {kind}\n  version: default\n{more}");
    let rules = |rules: &str| format!("  rules:\n{rules}");
    let rule = |action: &str, more: &str| {
        format!(
            "    - actions: ['{action}']\n      effect: EFFECT_{}\n{more}",
            if n.is_multiple_of(2) { "ALLOW" } else { "DENY" }
        )
    };
    match name {
        "constants.yaml" => {
            format!("{HEAD}exportConstants:\n  name: limits\n  definitions:\n    most: {}\n    kinds: [a, b]\n", n % 4)
        }
        "variables.yaml" => {
            let test = ["R.attr.a == 1", "P.attr.b < 3", "R.attr.a in [1, 2]", "true"][n % 4];
            format!("{HEAD}exportVariables:\n  name: common\n  definitions:\n    near: {test}\n    far: '!({test})'\n")
        }
        "roles.yaml" => {
            let condition = ["V.near", "C.most > 1 && V.near", "R.attr.owner == P.id"][n % 3];
            format!(
                "{HEAD}derivedRoles:\n  name: common\n  variables: {{import: [common]}}\n  constants: {{import: [limits]}}\n  \
                 definitions:\n    - name: owner\n      parentRoles: [user]\n      condition: {{match: {{expr: '{condition}'}}}}\n"
            )
        }
        "other_roles.yaml" => format!(
            "{HEAD}derivedRoles:\n  name: other\n  definitions:\n    - name: guest\n      parentRoles: [r{}, '*']\n",
            n % 3
        ),
        "doc.yaml" => resource(
            "doc",
            &format!(
                "  importDerivedRoles: [{}common]\n  variables: {{import: [common]}}\n{}",
                if n.is_multiple_of(3) { "other, " } else { "" },
                rules(&rule("view", "      derivedRoles: [owner]\n      condition: {match: {expr: V.near}}\n"))
            ),
        ),
        "album.yaml" => resource(
            "album",
            &format!(
                "  importDerivedRoles: [other]\n  constants: {{import: [limits], local: {{n: {n}}}}}\n{}",
                rules(&rule(
                    "*",
                    "      derivedRoles: [guest]\n      condition: {match: {expr: 'R.attr.x < C.most + C.n'}}\n"
                ))
            ),
        ),
        "sub/checked.yaml" => resource(
            "checked",
            &format!(
                "{}  schemas: {{resourceSchema: {{ref: 'cerbos:///{}.json'}}}}\n",
                rules(&rule("view", "      roles: [user]\n")),
                ["a", "b", "a"][n % 3]
            ),
        ),
        "_schemas/a.json" | "_schemas/b.json" => {
            format!(r#"{{"type": "object", "properties": {{"x": {{"maximum": {n}}}}}}}"#)
        }
        "scoped.yaml" => resource(
            "doc",
            &format!(
                "  scope: acme\n  scopePermissions: SCOPE_PERMISSIONS_{}\n{}",
                ["OVERRIDE_PARENT", "REQUIRE_PARENTAL_CONSENT_FOR_ALLOWS"][n % 2],
                rules(&rule("view", "      roles: [user]\n      condition: {match: {expr: 'R.attr.s == 1'}}\n"))
            ),
        ),
        "deep.yaml" => resource("doc", &format!("  scope: acme.uk\n{}", rules(&rule("edit", "      roles: [user]\n")))),
        "principal.yaml" => format!(
            "{HEAD}principalPolicy:\n  principal: p{}\n  version: default\n  variables: {{import: [common]}}\n  rules:\n    - resource: doc\n      \
             actions:\n        - {{action: view, effect: EFFECT_ALLOW, condition: {{match: {{expr: V.far}}}}}}\n",
            n % 2
        ),
        "role.yaml" => format!(
            "{HEAD}rolePolicy:\n  role: auditor\n  scope: acme\n  parentRoles: [user]\n  rules:\n    - resource: doc\n      \
             allowActions: [view{n}]\n"
        ),
        other => panic!("no text for {other}"),
    }
}

const NAMES: [&str; 12] = [
    "constants.yaml",
    "variables.yaml",
    "roles.yaml",
    "other_roles.yaml",
    "doc.yaml",
    "album.yaml",
    "sub/checked.yaml",
    "_schemas/a.json",
    "_schemas/b.json",
    "scoped.yaml",
    "principal.yaml",
    "role.yaml",
];

/// What makes a set invalid in one way or another.
const BREAKAGE: [&str; 8] = [
    "apiVersion: [",
    "apiVersion: api.cerbos.dev/v1\nresourcePolicy: {resource: x, version: default, rules: [{actions: [a], effect: EFFECT_ALLOW, roles: [r], condition: {match: {expr: 'nope +'}}}]}\n",
    "apiVersion: api.cerbos.dev/v1\nresourcePolicy: {resource: y, version: default, importDerivedRoles: [missing]}\n",
    "apiVersion: api.cerbos.dev/v1\nresourcePolicy: {resource: z, version: default, scope: a.b.c}\n",
    "apiVersion: api.cerbos.dev/v1\nresourcePolicy: {resource: doc, version: default}\n",
    "apiVersion: api.cerbos.dev/v1\nresourcePolicy: {resource: w, version: default, rules: [{actions: [a], effect: EFFECT_ALLOW, derivedRoles: [nobody]}]}\n",
    "apiVersion: api.cerbos.dev/v1\nexportVariables: {name: common, definitions: {near: 'false'}}\n",
    "apiVersion: api.cerbos.dev/v1\nresourcePolicy: {resource: v, version: default, schemas: {resourceSchema: {ref: 'cerbos:///none.json'}}}\n",
];

fn edit(tree: &mut Tree, rng: &mut Rng) {
    let names = tree.names();
    let any = |rng: &mut Rng| if names.is_empty() { NAMES[0].to_owned() } else { rng.pick(&names).clone() };
    match rng.below(20) {
        0..8 => {
            let name = rng.pick(&NAMES);
            let text = texts(name, rng.below(7));
            tree.write(name, text);
        }
        8 => tree.rename(&any(rng), &format!("moved/{}.yaml", rng.below(3))),
        9 => {
            let (a, b) = (any(rng), any(rng));
            tree.rename(&a, "swap.yaml");
            tree.rename(&b, &a);
            tree.rename("swap.yaml", &b);
        }
        10 => drop(tree.files.remove(&any(rng))),
        11 => tree.write("bad.yaml", *rng.pick(&BREAKAGE)),
        12 => tree.write(&any(rng), *rng.pick(&BREAKAGE)),
        13 => {
            // A copy: defined twice, until one of them goes.
            let text = tree.files.get(&any(rng)).map_or_else(Vec::new, |(_, text)| text.clone());
            tree.write(&format!("copy{}.yaml", rng.below(2)), text);
        }
        14 => tree.write("deep.yaml", texts("deep.yaml", rng.below(2))),
        15 => tree.write(&any(rng), [b"x: ".as_slice(), b"\xff"].concat()),
        16 => tree.write("not_a_policy_test.yaml", "x: 1\n"),
        17 => {
            // Disabled, and back.
            let name = any(rng);
            let text = tree.files.get(&name).map_or_else(Vec::new, |(_, text)| text.clone());
            let text = String::from_utf8_lossy(&text).into_owned();
            let flipped =
                text.strip_prefix("disabled: true\n").map_or(format!("disabled: true\n{text}"), str::to_owned);
            tree.write(&name, flipped);
        }
        _ => mend(tree),
    }
}

/// Makes the set valid again, with whatever the usual files say now.
fn mend(tree: &mut Tree) {
    for name in tree.names() {
        let (_, text) = &tree.files[&name];
        let usual = NAMES.contains(&&*name) && (0..7).any(|n| texts(&name, n).as_bytes() == &**text);
        if !usual {
            tree.files.remove(&name);
        }
    }
    for name in NAMES {
        if !tree.files.contains_key(name) {
            tree.write(name, texts(name, 0));
        }
    }
}

fn open(files: &Memory, compat: bool) -> Result<Store, Vec<Diagnostic>> {
    let compile = CompileOptions {
        cerbos_compat: compat,
        schemas: crate::schema::Enforcement::Reject,
        ..CompileOptions::default()
    };
    let options = StoreOptions { watch: false, compile, ..StoreOptions::new(ROOT) };
    Store::open_on(Box::new(files.clone()), options)
}

/// All of a snapshot but when it was made.
fn picture(snapshot: &Snapshot) -> String {
    let Snapshot { table, revision, policies, rules, files, warnings, loaded_at: _ } = snapshot;
    format!("{revision} {policies} {rules} {files:?} {warnings:#?}\n{table:#?}")
}

#[test]
fn after_any_edit_the_live_set_is_what_a_fresh_load_gives() {
    let scripts = std::env::var("TOOLGATE_EDIT_SCRIPTS").ok().and_then(|n| n.parse().ok()).unwrap_or(150);
    let mut outcomes = BTreeMap::new();
    for seed in 0..scripts {
        let mut rng = Rng(seed);
        let compat = rng.below(4) == 0;
        let files = Memory::default();
        mend(&mut files.0.lock().unwrap());
        let live = open(&files, compat).unwrap_or_else(|faults| panic!("{seed}: {faults:#?}"));
        let mut serving = picture(&live.snapshot());
        for step in 0..6 {
            for _ in 0..=rng.below(2) {
                edit(&mut files.0.lock().unwrap(), &mut rng);
            }
            let reading = *rng.pick(&[Reading::Changed, Reading::Changed, Reading::Everything]);
            let outcome = live.reload_by(reading);
            *outcomes.entry(format!("{outcome:?}")).or_insert(0) += 1;
            match open(&files, compat) {
                Ok(fresh) => {
                    assert_ne!(outcome, Outcome::Failed, "{seed} {step}: {:#?}", live.status().failure);
                    serving = picture(&fresh.snapshot());
                }
                Err(faults) => {
                    assert_eq!(outcome, Outcome::Failed, "{seed} {step}: {faults:#?}");
                    let known = live.status().failure.clone().map(|f| f.diagnostics.to_vec());
                    assert_eq!(known, Some(faults), "{seed} {step}");
                }
            }
            let now = picture(&live.snapshot());
            assert!(now == serving, "{seed} {step} {reading:?}: {}", first_difference(&now, &serving));
        }
    }
    // Scripts that never load, or never fail, would show nothing.
    for outcome in ["Applied", "Failed", "Unchanged"] {
        assert!(outcomes.get(outcome).is_some_and(|n| *n * 20 > scripts), "{outcomes:?}");
    }
}

fn first_difference(a: &str, b: &str) -> String {
    let differs = a.lines().zip(b.lines()).enumerate().find(|(_, (a, b))| a != b);
    differs.map_or_else(|| "one ends before the other".to_owned(), |(n, (a, b))| format!("line {n}:\n{a}\n{b}"))
}

/// A file that changed so shortly before it was read that the next change could have the same time is read again.
#[test]
fn fresh_times_are_not_believed() {
    let stat = Stat { kind: Kind::File, id: (1, 1), size: 1, modified: 5_000_000_000, changed: 4_000_000_000 };
    assert!(!stat.is_settled(5_000_000_000) && !stat.is_settled(7_999_999_999) && stat.is_settled(8_000_000_000));
    assert!(!Stat { changed: 9_000_000_000, ..stat }.is_settled(8_000_000_000));
    // A system that has no inodes tells too little.
    assert!(!Stat { id: (0, 0), ..stat }.is_settled(i128::MAX));
}

//! One set compiled from another: what did not change is taken over as it was compiled, and the result is what a fresh
//! compilation gives. Nothing is updated in place. A policy is taken over if its file is the same, byte for byte and by
//! name, and so is everything it imports; linking always looks at the whole set. As soon as policies contradict each
//! other, the whole set is compiled afresh, because then texts are quoted that are not kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;
use sha2::{Digest as _, Sha256};

use super::expressions::Expressions;
use super::facts::{Facts, Kind};
use super::link::{Links, link};
use super::lower::{self, Context, Lowered, Sets, environment};
use super::{CompileOptions, Compiled, decode_enabled, imported_sets, in_parallel};
use crate::engine::RuleTable;
use crate::policy::files::{FileClass, classify};
use crate::policy::model::Policy;
use crate::schema::Library;
use crate::source::{Diagnostic, Severity, SourceFile};

/// SHA-256.
pub type Digest = [u8; 32];

/// A file of a set.
#[derive(Clone, Debug)]
pub struct Input {
    /// Path relative to the store's root, with `/` separators.
    pub name: Box<str>,
    /// Of its text.
    pub digest: Digest,
    /// Its text, if it is at hand.
    pub text: Option<SourceFile>,
}

/// Hands over the texts of the inputs at some places, in order, or nothing if they cannot be had any more.
pub type Read<'r> = &'r mut dyn FnMut(&[usize]) -> Option<Vec<SourceFile>>;

/// What is kept of a compiled set to make the next from: no texts, but what each policy was compiled to.
#[derive(Debug, Default)]
pub struct Kept {
    parts: HashMap<(Box<str>, Digest), Arc<Part>, RandomState>,
}

/// What one policy file came to.
#[derive(Debug)]
struct Part {
    /// `None` if there is no policy in it that is in use.
    facts: Option<Facts>,
    /// What decoding it found.
    found: Vec<Diagnostic>,
    lowered: Option<Done>,
}

/// A lowered policy, what it was made from, and what was found.
#[derive(Clone, Debug)]
struct Done {
    /// Covers all it depends on.
    key: Digest,
    lowered: Lowered,
    found: Vec<Diagnostic>,
}

/// Compiles a whole set, keeping nothing.
pub(super) fn compile(files: &[SourceFile], options: &CompileOptions) -> Compiled {
    let input = |file: &SourceFile| Input { name: file.name().into(), digest: [0; 32], text: Some(file.clone()) };
    let inputs: Vec<Input> = files.iter().map(input).collect();
    let nothing = Compiled { table: None, diagnostics: Vec::new() };
    Kept::default().compile(&inputs, options, &mut |_| None).map_or(nothing, |(compiled, _)| compiled)
}

impl Kept {
    /// Compiles the set `inputs`, taking over from `self` what did not change. What comes out is what compiling afresh
    /// would give. The options must be the same every time. Nothing, if `read` does not give a text that is needed.
    ///
    /// What is to be kept of the new set is empty if the set has errors.
    pub fn compile(&self, inputs: &[Input], options: &CompileOptions, read: Read<'_>) -> Option<(Compiled, Self)> {
        let mut seats = self.seats(inputs);
        let unknown: Vec<usize> =
            (0..seats.len()).filter(|i| seats.get(*i).is_some_and(|s| s.kept.is_none())).collect();
        let decoded = decode(&unknown, &seats, inputs, read)?;
        for (i, (policy, found)) in unknown.into_iter().zip(decoded) {
            if let Some(seat) = seats.get_mut(i) {
                seat.facts = policy.as_ref().map(Facts::of);
                (seat.policy, seat.found) = (policy, found);
            }
        }
        let mut diagnostics: Vec<Diagnostic> = seats.iter().flat_map(Seat::found).cloned().collect();
        let members: Vec<usize> =
            (0..seats.len()).filter(|i| seats.get(*i).is_some_and(|s| s.facts().is_some())).collect();
        let set = Set { seats: &seats, members: &members };
        let facts: Vec<&Facts> = set.facts().collect();
        let before = diagnostics.len();
        let links = link(&facts, options, &mut diagnostics);
        if diagnostics.len() > before && seats.iter().any(|s| s.kept.is_some()) {
            return Self::default().compile(inputs, options, read);
        }
        let keys = keys(&set, &facts, &links, &digest_of_schemas(inputs));
        let sets = imported_sets(facts.iter().copied(), &links);
        let known = |i: usize| set.seat(i)?.kept?.lowered.as_ref().filter(|done| keys.get(i) == Some(&done.key));
        let asked = (0..facts.len()).filter(|i| facts.get(*i).is_some_and(|f| f.kind.is_asked()));
        let (mut lowered, dirty): (BTreeMap<usize, Done>, Vec<usize>) = {
            let (old, new): (Vec<usize>, Vec<usize>) =
                sets.iter().copied().chain(asked).partition(|i| known(*i).is_some());
            (old.into_iter().filter_map(|i| known(i).map(|done| (i, done.clone()))).collect(), new)
        };
        let needed = needed(&dirty, &facts, &links);
        let again: Vec<usize> = needed.iter().copied().filter(|i| set.policy(*i).is_none()).collect();
        let places: Vec<usize> = again.iter().filter_map(|i| members.get(*i).copied()).collect();
        let decoded = decode(&places, &seats, inputs, read)?;
        let again: BTreeMap<usize, Policy> =
            again.into_iter().zip(decoded).filter_map(|(i, (policy, _))| policy.map(|p| (i, p))).collect();
        let has_schemas = dirty.iter().any(|i| facts.get(*i).is_some_and(|f| f.has_schemas));
        let library = Library::new(&if has_schemas { schemas(inputs, read)? } else { Vec::new() });
        let expressions = Expressions::new(environment());
        let context = Context {
            policies: (0..facts.len()).map(|i| set.policy(i).or_else(|| again.get(&i))).collect(),
            links: &links,
            options,
            expressions: &expressions,
            library: &library,
        };
        let done = |i: usize, lowered: Lowered, found: Vec<Diagnostic>| {
            (i, Done { key: keys.get(i).copied().unwrap_or_default(), lowered, found })
        };
        let open: Vec<usize> = sets.iter().copied().filter(|i| needed.contains(i)).collect();
        let made = in_parallel(&open, |i| match known(*i).map(|done| &done.lowered) {
            Some(Lowered::Set(set)) => lower::lower_set(&context, *i, Some(Arc::clone(set))),
            _ => lower::lower_set(&context, *i, None),
        });
        let mut ready = Sets::new();
        for (i, (set, found)) in open.iter().zip(made).filter_map(|(i, made)| made.map(|made| (*i, made))) {
            if known(i).is_none() {
                lowered.extend([done(i, Lowered::Set(Arc::clone(&set.compiled)), found)]);
            }
            ready.insert(i, set);
        }
        let dirty: Vec<usize> = dirty.into_iter().filter(|i| !ready.contains_key(i)).collect();
        let made = in_parallel(&dirty, |i| lower::lower_policy(&context, &ready, *i));
        let made = dirty.iter().zip(made).filter_map(|(i, made)| made.map(|(lowered, found)| done(*i, lowered, found)));
        lowered.extend(made);
        diagnostics.extend(lowered.values().flat_map(|done| &done.found).cloned());
        Diagnostic::sort(&mut diagnostics);
        diagnostics.dedup();
        if diagnostics.iter().any(|d| d.severity == Severity::Error) {
            return Some((Compiled { table: None, diagnostics }, Self::default()));
        }
        let table = table(&facts, &links, &sets, &lowered, options);
        let kept = set.keep(lowered, inputs);
        Some((Compiled { table: Some(table), diagnostics }, kept))
    }

    /// The policy files among the inputs, by name, with what is known of them.
    fn seats(&self, inputs: &[Input]) -> Vec<Seat<'_>> {
        let policies = (0..).zip(inputs).filter(|(_, input)| classify(&input.name) == FileClass::Policy);
        let mut seats: Vec<Seat<'_>> = policies
            .map(|(at, input)| Seat {
                input: at,
                digest: input.digest,
                kept: if self.parts.is_empty() { None } else { self.parts.get(&(input.name.clone(), input.digest)) },
                policy: None,
                facts: None,
                found: Vec::new(),
            })
            .collect();
        let name = |seat: &Seat<'_>| inputs.get(seat.input).map_or("", |input| &input.name);
        seats.sort_by(|a, b| name(a).cmp(name(b)));
        seats
    }
}

/// A policy file of the set that is being compiled.
struct Seat<'k> {
    input: usize,
    digest: Digest,
    kept: Option<&'k Arc<Part>>,
    /// Decoded just now, if it is not kept.
    policy: Option<Policy>,
    facts: Option<Facts>,
    found: Vec<Diagnostic>,
}

impl Seat<'_> {
    fn facts(&self) -> Option<&Facts> {
        self.kept.map_or(self.facts.as_ref(), |part| part.facts.as_ref())
    }

    fn found(&self) -> &[Diagnostic] {
        self.kept.map_or(&self.found, |part| &part.found)
    }
}

/// The files with the policies that are in use among them. Policies are counted from here on.
struct Set<'s, 'k> {
    seats: &'s [Seat<'k>],
    members: &'s [usize],
}

impl<'s, 'k> Set<'s, 'k> {
    fn seat(&self, policy: usize) -> Option<&'s Seat<'k>> {
        self.seats.get(*self.members.get(policy)?)
    }

    fn policy(&self, policy: usize) -> Option<&'s Policy> {
        self.seat(policy)?.policy.as_ref()
    }

    fn facts(&self) -> impl Iterator<Item = &'s Facts> {
        self.members.iter().filter_map(|i| self.seats.get(*i)?.facts())
    }

    fn keep(&self, mut lowered: BTreeMap<usize, Done>, inputs: &[Input]) -> Kept {
        let by_seat: BTreeMap<usize, usize> = (0..).zip(self.members).map(|(policy, seat)| (*seat, policy)).collect();
        let part = |(i, seat): (usize, &Seat<'_>)| {
            let done = by_seat.get(&i).and_then(|policy| lowered.remove(policy));
            let part = match seat.kept {
                Some(part) if part.lowered.as_ref().map(|d| d.key) == done.as_ref().map(|d| d.key) => Arc::clone(part),
                _ => Arc::new(Part {
                    facts: seat.facts().map(Facts::without_text),
                    found: seat.found().to_vec(),
                    lowered: done,
                }),
            };
            Some(((inputs.get(seat.input)?.name.clone(), seat.digest), part))
        };
        Kept { parts: (0..).zip(self.seats).filter_map(part).collect() }
    }
}

/// Decodes the policies of some seats. They are in the set already, or it moved while it was read.
fn decode(
    which: &[usize],
    seats: &[Seat<'_>],
    inputs: &[Input],
    read: Read<'_>,
) -> Option<Vec<(Option<Policy>, Vec<Diagnostic>)>> {
    let places: Vec<usize> = which.iter().filter_map(|i| seats.get(*i).map(|s| s.input)).collect();
    Some(in_parallel(&texts(&places, inputs, read)?, decode_enabled))
}

/// The texts of some inputs.
fn texts(places: &[usize], inputs: &[Input], read: Read<'_>) -> Option<Vec<SourceFile>> {
    let at_hand = |i: &usize| inputs.get(*i).and_then(|input| input.text.clone());
    let missing: Vec<usize> = places.iter().copied().filter(|i| at_hand(i).is_none()).collect();
    let mut more = if missing.is_empty() { Vec::new() } else { read(&missing)? }.into_iter();
    places.iter().map(|i| at_hand(i).or_else(|| more.next())).collect()
}

fn is_schema(input: &Input) -> bool {
    classify(&input.name) == FileClass::Schema
}

fn schemas(inputs: &[Input], read: Read<'_>) -> Option<Vec<SourceFile>> {
    let places: Vec<usize> = (0..).zip(inputs).filter(|(_, input)| is_schema(input)).map(|(i, _)| i).collect();
    texts(&places, inputs, read)
}

fn digest_of_schemas(inputs: &[Input]) -> Digest {
    let mut all: Vec<&Input> = inputs.iter().filter(|input| is_schema(input)).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    let mut hash = Sha256::new();
    for input in all {
        hash.update((input.name.len() as u64).to_be_bytes());
        hash.update(input.name.as_bytes());
        hash.update(input.digest);
    }
    hash.finalize().into()
}

/// For each policy a key that covers all its compiled form depends on: its file, what it imports, and, if it refers to
/// schemas, all of these.
fn keys(set: &Set<'_, '_>, facts: &[&Facts], links: &Links, schemas: &Digest) -> Vec<Digest> {
    let mut keys: Vec<Option<Digest>> = vec![None; facts.len()];
    let own = |i: usize| set.seat(i).map(|s| s.digest).unwrap_or_default();
    // Resource policies import derived roles, these import variables and constants, and those nothing: three rounds.
    for _ in 0..3 {
        for (i, facts) in facts.iter().enumerate() {
            let key = if facts.imports.is_empty() && !facts.has_schemas {
                Some(own(i))
            } else {
                let mut hash = Sha256::new();
                hash.update(own(i));
                hash.update(if facts.has_schemas { *schemas } else { [0; 32] });
                let imports = facts.imports.iter().map(|(kind, name)| links.find(*kind, &name.value));
                let known = imports.map(|import| match import {
                    None => Some(([0; 32], "")),
                    Some(j) => {
                        let key = keys.get(j).copied().flatten()?;
                        Some((key, set.seat(j).and_then(Seat::facts).map_or("", |f| f.file.name())))
                    }
                });
                let known: Option<Vec<(Digest, &str)>> = known.collect();
                known.map(|imports| {
                    for (key, name) in imports {
                        hash.update(key);
                        hash.update((name.len() as u64).to_be_bytes());
                        hash.update(name.as_bytes());
                    }
                    hash.finalize().into()
                })
            };
            if let Some(slot) = keys.get_mut(i)
                && slot.is_none()
            {
                *slot = key;
            }
        }
    }
    keys.into_iter().map(Option::unwrap_or_default).collect()
}

/// These policies and all they import.
fn needed(dirty: &[usize], facts: &[&Facts], links: &Links) -> BTreeSet<usize> {
    let mut all: BTreeSet<usize> = BTreeSet::new();
    let mut open = dirty.to_vec();
    while let Some(i) = open.pop() {
        if all.insert(i)
            && let Some(facts) = facts.get(i)
        {
            open.extend(facts.imports.iter().filter_map(|(kind, name)| links.find(*kind, &name.value)));
        }
    }
    all
}

fn table(
    facts: &[&Facts],
    links: &Links,
    sets: &[usize],
    lowered: &BTreeMap<usize, Done>,
    options: &CompileOptions,
) -> RuleTable {
    let in_use = |i: &usize| !options.cerbos_compat || !links.hidden.contains(i);
    let mut table = RuleTable { folded_names: options.cerbos_compat, ..RuleTable::default() };
    table.resources.reserve(facts.iter().filter(|f| f.kind == Kind::Resource).count());
    let asked = (0..facts.len()).filter(|i| facts.get(*i).is_some_and(|f| f.kind.is_asked()));
    for i in sets.iter().copied().chain(asked).filter(in_use) {
        if let (Some(facts), Some(done)) = (facts.get(i), lowered.get(&i)) {
            lower::add(&mut table, facts, &done.lowered);
        }
    }
    let consent = (0..).zip(facts).filter(|(i, f)| f.needs_consent() && in_use(i));
    table.index(consent.map(|(_, f)| f.scope.clone()));
    table
}

//! The compiled policy set the engine decides from, and its index. Immutable once built; holds no policy text beyond
//! what verdicts and traces show. Cost of a look-up follows the rules that could apply, never the number of policies.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bumpalo::{Bump, collections::Vec as BumpVec};
use foldhash::fast::RandomState;
use indexmap::{Equivalent, IndexMap, IndexSet};

use super::condition::Condition;
use super::glob::Pattern;
use crate::cel::texts::same;
use crate::cel::unit::{ExprId, Unit};
use crate::policy::model::RuleEffect;
use crate::schema::Schema;

/// Compiled policies with their index.
#[derive(Debug, Default)]
pub struct RuleTable {
    /// Resource policies by kind, version and scope.
    pub resources: PolicyMap<Policy>,
    /// Principal policies by principal id, version and scope.
    pub principals: PolicyMap<Policy>,
    /// Role policies by role, version and scope.
    pub roles: PolicyMap<RolePolicy>,
    /// Derived-roles sets that some resource policy imports.
    pub derived_sets: Vec<Arc<DerivedSet>>,
    /// Look-ups made from the above by [`RuleTable::index`].
    pub scopes: ScopeIndex,
    /// Resource names are compared after the reference's character folding (spec §4.1) instead of exactly.
    pub folded_names: bool,
}

/// Policies by name, version and scope. They are shared: two tables may hold the same compiled policy.
#[derive(Debug)]
pub struct PolicyMap<P>(IndexMap<Name, Arc<P>, RandomState>);

/// What a policy is found by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// Kind, principal id or role.
    pub name: Box<str>,
    /// Policy version.
    pub version: Box<str>,
    /// Scope; empty for the root.
    pub scope: Box<str>,
}

/// [`Name`], borrowed, for look-ups without allocation.
#[derive(Clone, Copy, Debug)]
pub struct NameRef<'a> {
    /// Kind, principal id or role.
    pub name: &'a str,
    /// Policy version.
    pub version: &'a str,
    /// Scope.
    pub scope: &'a str,
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        NameRef { name: &self.name, version: &self.version, scope: &self.scope }.hash(state);
    }
}

impl Hash for NameRef<'_> {
    /// Names have many scopes, but few versions.
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.name.as_bytes());
        if !self.scope.is_empty() {
            state.write(self.scope.as_bytes());
        }
    }
}

impl Equivalent<Name> for NameRef<'_> {
    fn equivalent(&self, key: &Name) -> bool {
        same(self.name, &key.name) && same(self.version, &key.version) && same(self.scope, &key.scope)
    }
}

impl<P> Default for PolicyMap<P> {
    fn default() -> Self {
        Self(IndexMap::default())
    }
}

impl<P> PolicyMap<P> {
    /// The policy of this name.
    #[inline]
    #[must_use]
    pub fn get(&self, name: &NameRef<'_>) -> Option<&P> {
        self.0.get(name).map(|policy| &**policy)
    }

    /// The policy at a place, with its name.
    #[must_use]
    pub fn get_index(&self, index: usize) -> Option<(&Name, &P)> {
        self.0.get_index(index).map(|(name, policy)| (name, &**policy))
    }

    /// Adds a policy, or replaces the one of the same name; gives the one that was there.
    pub fn insert(&mut self, name: Name, policy: Arc<P>) -> Option<Arc<P>> {
        self.0.insert(name, policy)
    }

    /// Makes room for so many more.
    pub fn reserve(&mut self, more: usize) {
        self.0.reserve(more);
    }

    /// Names and policies, in order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &P)> {
        self.0.iter().map(|(name, policy)| (name, &**policy))
    }

    /// Names, in order of insertion.
    pub fn keys(&self) -> impl Iterator<Item = &Name> {
        self.0.keys()
    }

    /// Policies, in order of insertion.
    pub fn values(&self) -> impl Iterator<Item = &P> {
        self.0.values().map(|policy| &**policy)
    }

    /// Number of policies.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without policies.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Exchanges the policies of `other` with those of the same names here.
    pub fn exchange(&mut self, other: &mut Self) {
        for (name, policy) in &mut other.0 {
            if let Some(own) = self.0.get_mut(name) {
                std::mem::swap(own, policy);
            }
        }
    }
}

/// Two names looked up together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pair(pub Box<str>, pub Box<str>);

/// [`Pair`], borrowed.
#[derive(Clone, Copy, Debug, Hash)]
pub struct PairRef<'a>(pub &'a str, pub &'a str);

impl Equivalent<Pair> for PairRef<'_> {
    fn equivalent(&self, key: &Pair) -> bool {
        *self.0 == *key.0 && *self.1 == *key.1
    }
}

/// Parent roles by the version of the role policy that names them.
pub type Parents = Vec<(Box<str>, Box<[Box<str>]>)>;

/// What the scope chain and the existence tests ask (spec §10.1, §11.1).
#[derive(Debug, Default)]
pub struct ScopeIndex {
    /// Scopes with a resource policy, or a role policy that has rules.
    pub resource: IndexSet<Box<str>, RandomState>,
    /// Scopes with a principal policy.
    pub principal: IndexSet<Box<str>, RandomState>,
    /// (kind, scope) with a resource policy, for the exact existence test of the default semantics.
    pub kinds: IndexSet<Pair, RandomState>,
    /// (version, scope) with a principal policy.
    pub principal_versions: IndexSet<Pair, RandomState>,
    /// Scopes whose ALLOWs need the parent's consent.
    pub consent: IndexSet<Box<str>, RandomState>,
    /// Role policies by scope, as indices into [`RuleTable::roles`].
    pub roles_at: IndexMap<Box<str>, Vec<usize>, RandomState>,
    /// (role, scope) → parent roles and the version of the role policy that names them.
    pub parents: IndexMap<Pair, Parents, RandomState>,
}

/// Output expressions of a rule: (rule activated, condition not met).
pub type Outputs = Option<(Option<ExprId>, Option<ExprId>)>;

/// A resource or principal policy.
#[derive(Debug)]
pub struct Policy {
    /// Policy key such as `resource.doc.vdefault/acme`.
    pub key: Box<str>,
    /// File, relative to the store's root.
    pub file: Box<str>,
    /// Scope.
    pub scope: Box<str>,
    /// Its expressions.
    pub unit: Unit,
    /// Rules in file order.
    pub rules: Box<[Rule]>,
    /// Derived roles its rules name, each once.
    pub derived: Box<[DerivedRef]>,
    /// For each of these, its condition as expressions of [`Policy::unit`], if it means the same here.
    pub shared: Box<[Option<Condition>]>,
    /// Rules by action.
    pub actions: ActionIndex,
    /// What attributes are held against; only in resource policies, and only at the root of the scopes.
    pub schemas: Option<Box<AttributeSchemas>>,
}

/// Schemas of a resource policy.
#[derive(Debug, Default)]
pub struct AttributeSchemas {
    /// For the principal's attributes.
    pub principal: Option<SchemaUse>,
    /// For the resource's.
    pub resource: Option<SchemaUse>,
}

/// A schema and when it does not matter.
#[derive(Debug)]
pub struct SchemaUse {
    /// The schema.
    pub schema: Arc<Schema>,
    /// Actions that need no validation (matcher A).
    pub ignored: Box<[Pattern]>,
}

/// A rule of a resource policy, or an action rule of a principal policy.
#[derive(Debug)]
pub struct Rule {
    /// Given or made name.
    pub name: Box<str>,
    /// `<policy key>#<name>`
    pub src: Box<str>,
    /// Line in the policy's file.
    pub line: u32,
    /// Effect as written.
    pub effect: RuleEffect,
    /// A conditional ALLOW in a policy that requires parental consent: acts as a DENY unless its condition holds.
    pub inverted: bool,
    /// Condition.
    pub condition: Option<Condition>,
    /// The condition again, if the rule has nothing more to say when it is not met ([`Rule::silent`]).
    pub silent: Option<ExprId>,
    /// Output expressions.
    pub output: Outputs,
    /// Action patterns.
    pub actions: Box<[Pattern]>,
    /// Role patterns; empty in principal policies, whose rules apply to every role.
    pub roles: Box<[Pattern]>,
    /// Indices into [`Policy::derived`].
    pub derived: Box<[u32]>,
    /// Resource pattern of a principal policy's rule.
    pub resource: Option<Pattern>,
}

impl Rule {
    /// The condition of a rule of a resource policy that says nothing when it is not met: one expression, no output
    /// for this case, and not turned around.
    #[must_use]
    pub fn silent(condition: Option<&Condition>, output: &Outputs, inverted: bool) -> Option<ExprId> {
        match (condition, output) {
            (Some(Condition::Expr(id)), None | Some((_, None))) if !inverted => Some(*id),
            _ => None,
        }
    }
}

/// A derived role as a rule refers to it.
#[derive(Clone, Debug)]
pub struct DerivedRef {
    /// The set, shared by all policies that import it.
    pub set: Arc<DerivedSet>,
    /// Index into [`DerivedSet::roles`].
    pub role: u32,
}

impl DerivedRef {
    /// The role.
    #[inline]
    #[must_use]
    pub fn definition(&self) -> Option<&DerivedRole> {
        self.set.roles.get(self.role as usize)
    }

    /// True if both are the same role of the same set.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.role == other.role && Arc::ptr_eq(&self.set, &other.set)
    }
}

/// A `derivedRoles` policy.
#[derive(Debug)]
pub struct DerivedSet {
    /// Policy key.
    pub key: Box<str>,
    /// File.
    pub file: Box<str>,
    /// Its expressions.
    pub unit: Unit,
    /// Definitions in file order.
    pub roles: Box<[DerivedRole]>,
}

/// One derived role.
#[derive(Debug)]
pub struct DerivedRole {
    /// Name.
    pub name: Box<str>,
    /// Line in the set's file.
    pub line: u32,
    /// Parent role patterns.
    pub parents: Box<[Pattern]>,
    /// Parent roles as written: the reference compares these literally when it lists effective derived roles.
    pub parent_names: Box<[Box<str>]>,
    /// Condition.
    pub condition: Option<Condition>,
}

/// A role policy.
#[derive(Debug)]
pub struct RolePolicy {
    /// Policy key.
    pub key: Box<str>,
    /// File.
    pub file: Box<str>,
    /// Its expressions.
    pub unit: Unit,
    /// Parent roles.
    pub parents: Box<[Box<str>]>,
    /// Rules in file order.
    pub rules: Box<[RoleRule]>,
}

/// A rule of a role policy.
#[derive(Debug)]
pub struct RoleRule {
    /// Given name; empty if unnamed.
    pub name: Box<str>,
    /// `<policy key>#<name>`
    pub src: Box<str>,
    /// Line in the policy's file.
    pub line: u32,
    /// Resource pattern.
    pub resource: Pattern,
    /// Allowed actions (matcher A).
    pub allow_actions: Box<[Pattern]>,
    /// Condition.
    pub condition: Option<Condition>,
    /// Output expressions.
    pub output: Outputs,
}

/// Rules of one policy by action: for actions that some rule names the whole list, patterns included; the patterns
/// alone for all others.
#[derive(Debug, Default)]
pub struct ActionIndex {
    named: IndexMap<Box<str>, Box<[u32]>, RandomState>,
    globs: Box<[(u32, Pattern)]>,
    /// What the patterns give for an action that no rule names, if it is the same for all of them.
    others: Option<Box<[u32]>>,
}

impl ActionIndex {
    /// Indexes rules by their action patterns.
    #[must_use]
    pub fn new(rules: &[Rule]) -> Self {
        let mut named: IndexMap<Box<str>, Vec<u32>, RandomState> = IndexMap::default();
        let mut globs = Vec::new();
        for (i, rule) in (0u32..).zip(rules) {
            for pattern in &rule.actions {
                match pattern.as_literal() {
                    Some(action) => {
                        named.entry(action.into()).or_default().push(i);
                    }
                    None if *pattern == Pattern::Never => {}
                    None => globs.push((i, pattern.clone())),
                }
            }
        }
        for (action, list) in &mut named {
            list.extend(globs.iter().filter(|(_, pattern)| pattern.matches(action)).map(|(i, _)| *i));
            list.sort_unstable();
            list.dedup();
        }
        let any = globs.iter().all(|(_, pattern)| *pattern == Pattern::Any);
        let mut others: Vec<u32> = globs.iter().map(|(i, _)| *i).collect();
        others.dedup();
        Self {
            named: named.into_iter().map(|(k, v)| (k, v.into())).collect(),
            globs: globs.into(),
            others: any.then(|| others.into()),
        }
    }

    /// The rules that have a pattern for `action`, ascending, each once.
    #[inline]
    pub fn rules<'b>(&'b self, action: &str, bump: &'b Bump) -> &'b [u32] {
        match (self.named.get(action), &self.others) {
            (Some(all), _) | (None, Some(all)) => all,
            (None, None) => self.matching(action, bump),
        }
    }

    fn matching<'b>(&'b self, action: &str, bump: &'b Bump) -> &'b [u32] {
        let mut all = BumpVec::new_in(bump);
        all.extend(self.globs.iter().filter(|(_, pattern)| pattern.matches(action)).map(|(i, _)| *i));
        all.dedup();
        all.into_bump_slice()
    }
}

impl RuleTable {
    /// Fills [`RuleTable::scopes`] from the policies. `consent` holds the scopes that require parental consent.
    pub fn index(&mut self, consent: impl IntoIterator<Item = Box<str>>) {
        let mut scopes = ScopeIndex { consent: consent.into_iter().collect(), ..ScopeIndex::default() };
        for name in self.resources.keys() {
            scopes.resource.insert(name.scope.clone());
            scopes.kinds.insert(Pair(name.name.clone(), name.scope.clone()));
        }
        for name in self.principals.keys() {
            scopes.principal.insert(name.scope.clone());
            scopes.principal_versions.insert(Pair(name.version.clone(), name.scope.clone()));
        }
        for (i, (name, policy)) in self.roles.iter().enumerate() {
            scopes.roles_at.entry(name.scope.clone()).or_default().push(i);
            if !policy.rules.is_empty() {
                scopes.resource.insert(name.scope.clone());
            }
            let parents = scopes.parents.entry(Pair(name.name.clone(), name.scope.clone())).or_default();
            parents.push((name.version.clone(), policy.parents.clone()));
        }
        self.scopes = scopes;
    }

    /// Role policies of a scope, in a stable order.
    pub fn role_policies_at(&self, scope: &str) -> impl Iterator<Item = (&Name, &RolePolicy)> {
        let at = self.scopes.roles_at.get(scope).map_or(&[][..], |v| v);
        at.iter().filter_map(|i| self.roles.get_index(*i))
    }

    /// Number of policies that take part in decisions.
    #[must_use]
    pub fn policy_count(&self) -> usize {
        self.resources.len() + self.principals.len() + self.roles.len() + self.derived_sets.len()
    }

    /// Number of rules in them.
    #[must_use]
    pub fn rule_count(&self) -> usize {
        let policies = self.resources.values().chain(self.principals.values());
        policies.map(|p| p.rules.len()).sum::<usize>() + self.roles.values().map(|p| p.rules.len()).sum::<usize>()
    }
}

//! One policy file as data: every kind of the reference's `cerbos.policy.v1`, with the place of whatever a later
//! check may complain about. Spec: policy-language §5.

use crate::cel::value::Constant;
use crate::source::{SourceFile, Span};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where a fault about it is reported: the key token of a singular field, the element of a list (for a block
    /// mapping the colon of its first key). The reference's positions (spec §3).
    pub at: Span,
    /// The value's own text.
    pub span: Span,
}

/// A string with its place.
pub type Text = Spanned<String>;

/// CEL source text with the map from its bytes to the file's, so that a fault inside it can be shown in place.
#[derive(Clone, Debug, PartialEq)]
pub struct ExprText {
    /// The expression as CEL sees it (after YAML unescaping and folding).
    pub text: String,
    /// As in [`Spanned::at`].
    pub at: Span,
    /// The scalar's own text.
    pub span: Span,
    /// Runs `(offset in text, offset in file)`, ascending: within a run both advance together.
    pub offsets: Vec<(u32, u32)>,
}

impl ExprText {
    /// The place in the file of byte `offset` of the expression.
    #[must_use]
    pub fn file_offset(&self, offset: u32) -> u32 {
        let i = self.offsets.partition_point(|(t, _)| *t <= offset);
        match i.checked_sub(1).and_then(|i| self.offsets.get(i)) {
            Some((t, f)) => f + (offset - t),
            None => self.span.start,
        }
    }
}

/// One policy file.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The file it came from; its name is the path relative to the store's root.
    pub file: SourceFile,
    /// The colon of the first top-level key: where whole-document faults are reported.
    pub at: Span,
    /// `disabled: true`: decoded, then dropped.
    pub disabled: bool,
    /// Free text.
    pub description: String,
    /// `metadata.annotations`.
    pub annotations: Vec<(String, String)>,
    /// Deprecated top-level `variables`.
    pub variables: Vec<(Text, ExprText)>,
    /// What kind it is, and the rest.
    pub body: Body,
}

/// The kinds of policy.
#[derive(Clone, Debug)]
pub enum Body {
    /// `resourcePolicy`
    Resource(ResourcePolicy),
    /// `principalPolicy`
    Principal(PrincipalPolicy),
    /// `rolePolicy`
    Role(RolePolicy),
    /// `derivedRoles`
    DerivedRoles(DerivedRoles),
    /// `exportVariables`
    ExportVariables(ExportVariables),
    /// `exportConstants`
    ExportConstants(ExportConstants),
}

/// `scopePermissions` as written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScopePermissions {
    /// Not given: means [`ScopePermissions::OverrideParent`], but is a value of its own in the conflict check (§8.2).
    #[default]
    Unspecified,
    /// An ALLOW here decides.
    OverrideParent,
    /// An ALLOW here counts only if the parent scope allows too.
    RequireParentalConsent,
}

/// What a rule does when it applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleEffect {
    /// `EFFECT_ALLOW`
    Allow,
    /// `EFFECT_DENY`
    Deny,
}

/// `variables`: imported sets and local definitions.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    /// Names of exported sets.
    pub import: Vec<Text>,
    /// Local definitions in file order: name (its key token) and expression.
    pub local: Vec<(Text, ExprText)>,
}

/// `constants`: imported sets and local definitions.
#[derive(Clone, Debug, Default)]
pub struct Constants {
    /// Names of exported sets.
    pub import: Vec<Text>,
    /// Local definitions in file order.
    pub local: Vec<(Text, Spanned<Constant>)>,
}

/// `resourcePolicy` (§5.2).
#[derive(Clone, Debug)]
pub struct ResourcePolicy {
    /// The resource kind.
    pub resource: Text,
    /// Policy version.
    pub version: Text,
    /// Scope; empty for the root.
    pub scope: Text,
    /// As written.
    pub scope_permissions: Spanned<ScopePermissions>,
    /// Names of derived-roles sets.
    pub import_derived_roles: Vec<Text>,
    /// Variables.
    pub variables: Variables,
    /// Constants.
    pub constants: Constants,
    /// Schemas.
    pub schemas: Schemas,
    /// Rules in file order.
    pub rules: Vec<ResourceRule>,
}

/// A rule of a resource policy.
#[derive(Clone, Debug)]
pub struct ResourceRule {
    /// The list element.
    pub at: Span,
    /// The rule's whole text.
    pub span: Span,
    /// Given name; empty if unnamed.
    pub name: Text,
    /// Action patterns.
    pub actions: Vec<Text>,
    /// Role patterns; just `*` if any of them is `*`.
    pub roles: Vec<Text>,
    /// Derived role names.
    pub derived_roles: Vec<Text>,
    /// Effect.
    pub effect: RuleEffect,
    /// Condition.
    pub condition: Option<Condition>,
    /// Output.
    pub output: Option<Output>,
}

/// `principalPolicy` (§5.3).
#[derive(Clone, Debug)]
pub struct PrincipalPolicy {
    /// The principal's id, compared exactly.
    pub principal: Text,
    /// Policy version.
    pub version: Text,
    /// Scope; empty for the root.
    pub scope: Text,
    /// As written.
    pub scope_permissions: Spanned<ScopePermissions>,
    /// Variables.
    pub variables: Variables,
    /// Constants.
    pub constants: Constants,
    /// Rules, one a resource pattern.
    pub rules: Vec<PrincipalRule>,
}

/// The rules of a principal policy for one resource pattern.
#[derive(Clone, Debug)]
pub struct PrincipalRule {
    /// The list element.
    pub at: Span,
    /// Resource pattern.
    pub resource: Text,
    /// Rules by action.
    pub actions: Vec<PrincipalAction>,
}

/// One action rule of a principal policy.
#[derive(Clone, Debug)]
pub struct PrincipalAction {
    /// The list element.
    pub at: Span,
    /// The rule's whole text.
    pub span: Span,
    /// Given name; empty if unnamed.
    pub name: Text,
    /// Action pattern.
    pub action: Text,
    /// Effect.
    pub effect: RuleEffect,
    /// Condition.
    pub condition: Option<Condition>,
    /// Output.
    pub output: Option<Output>,
}

/// `rolePolicy` (§5.5).
#[derive(Clone, Debug)]
pub struct RolePolicy {
    /// The role.
    pub role: Text,
    /// Policy version; empty means `default`.
    pub version: Text,
    /// Scope; empty for the root.
    pub scope: Text,
    /// Roles whose permissions it inherits.
    pub parent_roles: Vec<Text>,
    /// Variables.
    pub variables: Variables,
    /// Constants.
    pub constants: Constants,
    /// Rules in file order.
    pub rules: Vec<RoleRule>,
}

/// A rule of a role policy.
#[derive(Clone, Debug)]
pub struct RoleRule {
    /// The list element.
    pub at: Span,
    /// The rule's whole text.
    pub span: Span,
    /// Given name; empty if unnamed.
    pub name: Text,
    /// Resource pattern.
    pub resource: Text,
    /// Allowed action patterns.
    pub allow_actions: Vec<Text>,
    /// Condition.
    pub condition: Option<Condition>,
    /// Output.
    pub output: Option<Output>,
}

/// `derivedRoles` (§5.4).
#[derive(Clone, Debug)]
pub struct DerivedRoles {
    /// Name of the set.
    pub name: Text,
    /// Variables.
    pub variables: Variables,
    /// Constants.
    pub constants: Constants,
    /// Definitions in file order.
    pub definitions: Vec<RoleDefinition>,
}

/// One derived role.
#[derive(Clone, Debug)]
pub struct RoleDefinition {
    /// The list element.
    pub at: Span,
    /// The definition's whole text.
    pub span: Span,
    /// The derived role's name.
    pub name: Text,
    /// Parent role patterns; just `*` if any of them is `*`.
    pub parent_roles: Vec<Text>,
    /// Condition.
    pub condition: Option<Condition>,
}

/// `exportVariables` (§5.6).
#[derive(Clone, Debug)]
pub struct ExportVariables {
    /// Name of the set.
    pub name: Text,
    /// Definitions in file order.
    pub definitions: Vec<(Text, ExprText)>,
}

/// `exportConstants` (§5.6).
#[derive(Clone, Debug)]
pub struct ExportConstants {
    /// Name of the set.
    pub name: Text,
    /// Definitions in file order.
    pub definitions: Vec<(Text, Spanned<Constant>)>,
}

/// `condition` (§7).
#[derive(Clone, Debug)]
pub enum Condition {
    /// `match`
    Match(Match),
    /// `script`: recognised, and always refused when compiled.
    Script(Text),
}

/// One node of a condition.
#[derive(Clone, Debug)]
pub enum Match {
    /// `expr`
    Expr(ExprText),
    /// `all.of`
    All(Vec<Match>),
    /// `any.of`
    Any(Vec<Match>),
    /// `none.of`
    None(Vec<Match>),
}

/// `output` (§7), the deprecated `expr` already merged into `rule_activated`.
#[derive(Clone, Debug)]
pub struct Output {
    /// The `output` key.
    pub at: Span,
    /// `when.ruleActivated`
    pub rule_activated: Option<ExprText>,
    /// The deprecated `expr` beside a `ruleActivated`: never emitted, but it must be sound.
    pub overruled: Option<ExprText>,
    /// `when.conditionNotMet`
    pub condition_not_met: Option<ExprText>,
}

/// `schemas` (§14).
#[derive(Clone, Debug, Default)]
pub struct Schemas {
    /// Validates `principal.attr`.
    pub principal: Option<SchemaRef>,
    /// Validates `resource.attr`.
    pub resource: Option<SchemaRef>,
}

/// A reference to a schema.
#[derive(Clone, Debug)]
pub struct SchemaRef {
    /// `cerbos:///…`
    pub reference: Text,
    /// `ignoreWhen.actions`: patterns of actions that need no validation.
    pub ignore_when_actions: Vec<Text>,
}

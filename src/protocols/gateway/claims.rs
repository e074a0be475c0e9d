//! Claims → an identity: which claim is the id, which hold roles, which become attributes.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

use super::identity::{Unknown, Who};
use crate::cel::value::{Map, Value};
use crate::wire::map::sort;
use crate::wire::message::{Agent, EMPTY, Identity};

/// Which claims mean what. A claim is named as it is, or by the names on the way to it (`realm_access.roles`).
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    /// The principal's id.
    pub id: String,
    /// Roles: texts, or lists of texts.
    pub roles: Vec<String>,
    /// Roles that everybody has who is identified so.
    pub give_roles: Vec<String>,
    /// Attributes of the principal, by name.
    pub attr: Vec<(String, String)>,
    /// The agent's id.
    pub agent: Option<String>,
    /// The agent's own roles, which make it a principal of its own.
    pub agent_roles: Vec<String>,
    /// The session's id.
    pub session: Option<String>,
}

impl Mapping {
    /// The identity that claims speak of.
    pub(super) fn apply<'a>(&self, claims: Map<'a>, source: &'static str, bump: &'a Bump) -> Result<Who<'a>, Unknown> {
        let id = text(claims, &self.id)?.ok_or_else(|| Unknown::NoClaim(self.id.clone()))?;
        let mut roles = BumpVec::new_in(bump);
        collect(claims, &self.roles, &mut roles)?;
        give(&self.give_roles, &mut roles, bump);
        if roles.is_empty() {
            return Err(Unknown::NoRoles);
        }
        let mut attr: BumpVec<'_, (&str, Value<'a>)> = BumpVec::with_capacity_in(self.attr.len(), bump);
        for (name, claim) in &self.attr {
            if let Some(value) = look_up(claims, claim) {
                attr.push((bump.alloc_str(name), value));
            }
        }
        let attr = attr.into_bump_slice_mut();
        sort(attr);
        let agent = match &self.agent {
            None => None,
            Some(claim) => text(claims, claim)?,
        };
        let mut agent_roles = BumpVec::new_in(bump);
        collect(claims, &self.agent_roles, &mut agent_roles)?;
        let agent = agent.map(|id| Agent { id, roles: agent_roles.into_bump_slice(), attr: EMPTY, chain: &[] });
        let session = match &self.session {
            None => None,
            Some(claim) => text(claims, claim)?,
        };
        let roles = roles.into_bump_slice();
        let identity = Identity { id, roles, attr: Map::Fields(attr), scope: "", policy_version: "" };
        Ok(Who { identity, agent, session: session.unwrap_or(""), source })
    }
}

/// A claim by its name, or by the names on the way to it.
pub(super) fn look_up<'a>(claims: Map<'a>, path: &str) -> Option<Value<'a>> {
    if let Some(value) = claims.get_str(path) {
        return Some(value);
    }
    let mut map = claims;
    let mut names = path.split('.').peekable();
    loop {
        let value = map.get_str(names.next()?)?;
        if names.peek().is_none() {
            return Some(value);
        }
        let Value::Map(inner) = value else { return None };
        map = inner;
    }
}

fn text<'a>(claims: Map<'a>, path: &str) -> Result<Option<&'a str>, Unknown> {
    match look_up(claims, path) {
        None | Some(Value::Null | Value::String("")) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Unknown::Claim(path.to_owned())),
    }
}

fn collect<'a>(claims: Map<'a>, paths: &[String], roles: &mut BumpVec<'a, &'a str>) -> Result<(), Unknown> {
    for path in paths {
        match look_up(claims, path) {
            None | Some(Value::Null) => {}
            Some(Value::String(role)) => push(role, roles),
            Some(Value::List(list)) => {
                for item in list.iter() {
                    let Value::String(role) = item else { return Err(Unknown::Claim(path.clone())) };
                    push(role, roles);
                }
            }
            Some(_) => return Err(Unknown::Claim(path.clone())),
        }
    }
    Ok(())
}

/// Adds the roles that everybody has.
pub(super) fn give<'a>(given: &[String], roles: &mut BumpVec<'a, &'a str>, bump: &'a Bump) {
    for role in given {
        if !roles.contains(&role.as_str()) {
            roles.push(bump.alloc_str(role));
        }
    }
}

/// Adds a role, once.
pub(super) fn push<'a>(role: &'a str, roles: &mut BumpVec<'a, &'a str>) {
    if !role.trim().is_empty() && !roles.contains(&role) {
        roles.push(role);
    }
}

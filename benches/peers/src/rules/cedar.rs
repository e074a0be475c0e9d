//! Cedar. The user is an entity with its roles as parents; tool, arguments, session and context are the request's
//! action and context.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression,
};
use serde_json::{Value as Json, json};

use super::Engine;

const POLICY: &str = r#"
permit(principal in Role::"admin", action, resource == Server::"tools");

forbid(principal, action, resource == Server::"tools")
when { context.tool like "delete*" && context.session.labels.contains("tainted") };

permit(principal in Role::"agent", action == Action::"tool0", resource == Server::"tools")
when { context.arguments.owner == "acme" };

permit(principal in Role::"agent", action == Action::"tool1", resource == Server::"tools")
when { ["api", "web", "docs"].contains(context.arguments.repo) && context.arguments.limit < 500 };

permit(principal in Role::"agent", action == Action::"tool2", resource == Server::"tools")
when { context.arguments.path like "/srv/data/*" && !(context.arguments.path like "*..*") };

permit(principal in Role::"agent", action == Action::"tool3", resource == Server::"tools")
when { context.arguments.query like "select *" && !(context.arguments.query like "*;*") };

permit(principal in Role::"agent", action == Action::"tool4", resource == Server::"tools")
when { !context.session.labels.contains("tainted") };

permit(principal in Role::"agent", action == Action::"tool5", resource == Server::"tools")
when { principal.team == context.arguments.team };

permit(principal in Role::"agent", action == Action::"tool6", resource == Server::"tools")
when { context.arguments.tags.contains("reviewed") };

permit(principal in Role::"agent", action == Action::"tool7", resource == Server::"tools")
when { context.context has model && context.context.model != "unknown" };

permit(principal in Role::"agent", action == Action::"tool8", resource == Server::"tools")
when { context.arguments.priority < 3 || principal in Role::"editor" };

permit(principal in Role::"agent", action == Action::"tool9", resource == Server::"tools")
when { context.arguments.priority >= 2 && context.arguments.priority <= 4 };
"#;

pub struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    user: EntityTypeName,
    role: EntityTypeName,
    action: EntityTypeName,
    server: EntityTypeName,
}

impl Cedar {
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self {
            authorizer: Authorizer::new(),
            policies: POLICY.parse()?,
            user: "User".parse()?,
            role: "Role".parse()?,
            action: "Action".parse()?,
            server: "Server".parse()?,
        })
    }

    fn build(&self, bytes: &[u8]) -> anyhow::Result<(Request, Entities)> {
        let mut call: Json = serde_json::from_slice(bytes)?;
        let uid = |kind: &EntityTypeName, id: &Json| {
            EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id.as_str().unwrap_or_default()))
        };
        let user = uid(&self.user, &call["identity"]["id"]);
        let roles: HashSet<EntityUid> =
            call["identity"]["roles"].as_array().into_iter().flatten().map(|r| uid(&self.role, r)).collect();
        let attrs: HashMap<String, RestrictedExpression> = call["identity"]["attr"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(k, v)| (k.clone(), RestrictedExpression::new_string(v.as_str().unwrap_or_default().into())))
            .collect();
        let mut all: Vec<Entity> = roles.iter().cloned().map(Entity::with_uid).collect();
        all.push(Entity::new(user.clone(), attrs, roles)?);
        let entities = Entities::from_entities(all, None)?;
        let (action, server) = (uid(&self.action, &call["tool"]["name"]), uid(&self.server, &call["tool"]["server"]));
        let context = json!({
            "tool": call["tool"]["name"].take(),
            "arguments": call["arguments"].take(),
            "session": call["session"].take(),
            "context": call["context"].take(),
        });
        let context = Context::from_json_value(context, None)?;
        Ok((Request::new(user, action, server, context, None)?, entities))
    }
}

impl Engine for Cedar {
    type Request = Option<(Request, Entities)>;

    fn request(&self, bytes: &[u8]) -> Self::Request {
        self.build(bytes).ok()
    }

    fn decide(&mut self, request: &Self::Request) -> bool {
        request.as_ref().is_some_and(|(request, entities)| {
            self.authorizer.is_authorized(request, &self.policies, entities).decision() == Decision::Allow
        })
    }
}

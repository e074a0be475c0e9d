//! AuthZEN requests in JSON. Unlike the other bodies, members that nobody knows are skipped: the standard asks for it.

use super::error::JsonError;
use super::node::Node;
use super::walk::{Name, Walk};
use crate::wire::authzen::{Action, Entity, Evaluation, Evaluations};
use crate::wire::message::EMPTY;

const BATCH: &[Name] = &[
    ("subject", "subject"),
    ("resource", "resource"),
    ("action", "action"),
    ("context", "context"),
    ("evaluations", "evaluations"),
    ("options", "options"),
];
const ENTITY: &[Name] = &[("type", "type"), ("id", "id"), ("properties", "properties")];
const ACTION: &[Name] = &[("name", "name"), ("properties", "properties")];
const OPTIONS: &[Name] = &[("evaluationsSemantic", "evaluations_semantic")];

impl<'a> Walk<'a> {
    pub(super) fn evaluation(&self, node: &'a Node<'a>) -> Result<Evaluation<'a>, JsonError> {
        let mut evaluation = Evaluation::EMPTY;
        self.known(node, BATCH, |field, node| self.part(field, node, &mut evaluation))?;
        Ok(evaluation)
    }

    pub(super) fn evaluations(&self, node: &'a Node<'a>) -> Result<Evaluations<'a>, JsonError> {
        let mut batch = Evaluations { defaults: Evaluation::EMPTY, items: &[], semantic: "" };
        self.known(node, BATCH, |field, node| {
            match field {
                4 => batch.items = self.repeated(node, Evaluation::EMPTY, |node| self.evaluation(node))?,
                5 => self.known(node, OPTIONS, |_, node| {
                    batch.semantic = self.string(node, "evaluationsSemantic")?;
                    Ok(())
                })?,
                _ => self.part(field, node, &mut batch.defaults)?,
            }
            Ok(())
        })?;
        Ok(batch)
    }

    fn part(&self, field: usize, node: &'a Node<'a>, evaluation: &mut Evaluation<'a>) -> Result<(), JsonError> {
        match field {
            0 => evaluation.subject = Some(self.entity(node)?),
            1 => evaluation.resource = Some(self.entity(node)?),
            2 => evaluation.action = Some(self.action(node)?),
            3 => evaluation.context = self.values(node, self.depth)?,
            // Of a batch, and unknown to an evaluation.
            _ => {}
        }
        Ok(())
    }

    fn entity(&self, node: &'a Node<'a>) -> Result<Entity<'a>, JsonError> {
        let mut entity = Entity { ty: "", id: "", properties: EMPTY };
        self.known(node, ENTITY, |field, node| {
            match field {
                0 => entity.ty = self.string(node, "type")?,
                1 => entity.id = self.string(node, "id")?,
                _ => entity.properties = self.values(node, self.depth)?,
            }
            Ok(())
        })?;
        Ok(entity)
    }

    fn action(&self, node: &'a Node<'a>) -> Result<Action<'a>, JsonError> {
        let mut action = Action { name: "", properties: EMPTY };
        self.known(node, ACTION, |field, node| {
            match field {
                0 => action.name = self.string(node, "name")?,
                _ => action.properties = self.values(node, self.depth)?,
            }
            Ok(())
        })?;
        Ok(action)
    }
}

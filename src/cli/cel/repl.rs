//! The shell: expressions and a few commands, with history. The line editor is named here alone.

use std::path::Path;
use std::process::ExitCode;

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use super::session::{Outcome, Session};
use super::show;
use crate::cel::parser::is_reserved;
use crate::cli::{err, out};

const HELP: &str = "\
EXPR              evaluates an expression; `_` is the last result
:let NAME = EXPR  names a value
:type EXPR        the static type of an expression
:ast EXPR         its tree, with types and places, macros expanded
:vars             the names given so far
:help             this text
:quit             leaves
A line that ends in `\\` goes on in the next one.";

/// Reads lines until the end of input.
pub(super) fn run(mut session: Session<'_>, history: Option<&Path>) -> anyhow::Result<ExitCode> {
    let mut editor = DefaultEditor::new()?;
    if let Some(file) = history {
        // No history yet is no fault.
        let _ = editor.load_history(file);
    }
    let mut entry = String::new();
    loop {
        match editor.readline(if entry.is_empty() { "cel> " } else { "...> " }) {
            Ok(line) => {
                if let Some(start) = line.strip_suffix('\\') {
                    entry.push_str(start);
                    entry.push('\n');
                    continue;
                }
                entry.push_str(&line);
                let text = std::mem::take(&mut entry);
                let text = text.trim();
                if text.is_empty() {
                    continue;
                }
                let _ = editor.add_history_entry(text);
                if !answer(&mut session, text) {
                    break;
                }
            }
            Err(ReadlineError::Interrupted) => entry.clear(),
            Err(ReadlineError::Eof) => break,
            Err(e) => return Err(e.into()),
        }
    }
    if let Some(file) = history {
        keep(&mut editor, file);
    }
    Ok(ExitCode::SUCCESS)
}

fn keep(editor: &mut DefaultEditor, file: &Path) {
    if let Err(e) = editor.save_history(file) {
        err(&format!("toolgate: history not kept in {}: {e}", file.display()));
    }
}

/// Answers an entry; false to leave.
fn answer(session: &mut Session<'_>, text: &str) -> bool {
    let (command, rest) = match text.strip_prefix(':') {
        Some(command) => command.split_once(char::is_whitespace).unwrap_or((command, "")),
        None => ("", text),
    };
    let rest = rest.trim();
    match command {
        "" => evaluate(session, "_", rest),
        "let" => match rest.split_once('=').map(|(name, e)| (name.trim(), e.trim())) {
            Some((name, expr)) if is_name(name) && !expr.is_empty() => evaluate(session, name, expr),
            _ => err("usage: :let NAME = EXPR"),
        },
        "type" => match session.compile(rest) {
            Ok(checked) => out(&checked.ty(checked.ast.root).to_string()),
            Err((_, faults)) => err(&show::faults(rest, &faults)),
        },
        "ast" => match session.compile(rest) {
            Ok(checked) => out(&show::tree(&checked)),
            Err((_, faults)) => err(&show::faults(rest, &faults)),
        },
        "vars" => {
            for name in &session.names {
                if let Some(value) = session.named(name) {
                    out(&format!("{name} = {}", show::value(value)));
                }
            }
        }
        "h" | "help" => out(HELP),
        "q" | "quit" | "exit" => return false,
        other => err(&format!("unknown command `:{other}`; `:help` lists them")),
    }
    true
}

/// Evaluates, prints, and keeps the result under a name.
fn evaluate(session: &mut Session<'_>, name: &str, source: &str) {
    match session.evaluate(source) {
        Outcome::Value(value) => {
            out(&format!("{name} = {}", show::value(value)));
            session.bind(name, value);
        }
        Outcome::Failed(message) => err(&format!("error: {message}")),
        Outcome::Refused(_, faults) => err(&show::faults(source, &faults)),
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !is_reserved(name)
        && !matches!(name, "in" | "true" | "false" | "null")
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::super::data::Data;
    use super::*;

    #[test]
    fn names_and_results_can_be_used_again() {
        let bump = Bump::new();
        let data = Data::parse("data", "principal: {id: ann, roles: [user]}\nvariables: {v: P.id + '!'}").unwrap();
        let mut session = Session::new(&bump, &data, 1_000).unwrap();
        for text in
            [":let h = hierarchy('a.b')", "h.size() + 1", ":let twice = _ * 2", "V.v", ":type h", ":nope", ":ast P.id"]
        {
            assert!(answer(&mut session, text));
        }
        let shown = |name: &str| show::value(session.named(name).unwrap());
        assert_eq!(shown("twice"), "6");
        assert_eq!(shown("h"), "hierarchy(\"a.b\")");
        assert_eq!(shown("_"), "\"ann!\"");
        assert!(!answer(&mut session, ":quit"));
    }
}

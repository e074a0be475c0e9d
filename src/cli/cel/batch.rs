//! `--batch`: a JSON object a line in, an answer a line out. A line that can't be read is answered, too, so that
//! answers and questions stay in step.

use std::io::{BufRead, Write};

use bumpalo::Bump;
use serde_json::{Map, Value as Json};

use super::data::Data;
use super::encoding;
use super::session::Session;

/// Longest line that is read.
const MAX_LINE: u64 = 4 << 20;

/// Answers every line of `input`.
pub(super) fn run(mut input: impl BufRead, mut output: impl Write, data: &Data, steps: u64) -> anyhow::Result<()> {
    let mut line = Vec::new();
    let mut bump = Bump::new();
    loop {
        line.clear();
        let mut limited = std::io::Read::take(&mut input, MAX_LINE);
        if limited.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let cut = line.len() as u64 == MAX_LINE && line.last() != Some(&b'\n');
        if cut {
            skip_line(&mut input)?;
        }
        let answer = if cut {
            encoding::error("parse", "the line is too long")
        } else if line.trim_ascii().is_empty() {
            continue;
        } else {
            answer(&line, data, steps, &bump)
        };
        bump.reset();
        writeln!(output, "{answer}")?;
        // Whoever asks line by line waits for the answer.
        output.flush()?;
    }
}

fn skip_line(input: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let (used, done) = match buffer.iter().position(|b| *b == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        input.consume(used);
        if done {
            return Ok(());
        }
    }
}

fn answer(line: &[u8], data: &Data, steps: u64, bump: &Bump) -> Json {
    match serde_json::from_slice::<Json>(line) {
        Ok(Json::Object(case)) => {
            evaluate(&case, data, steps, bump).unwrap_or_else(|message| encoding::error("parse", &message))
        }
        Ok(_) => encoding::error("parse", "the line is no JSON object"),
        Err(e) => encoding::error("parse", &format!("the line is no JSON: {e}")),
    }
}

/// `expr`, `bindings` and `container` of a line. `disable_check` is read over: the reference has no way to run an
/// expression that it would refuse, and here there is none either.
fn evaluate(case: &Map<String, Json>, data: &Data, steps: u64, bump: &Bump) -> Result<Json, String> {
    let expr = case.get("expr").and_then(Json::as_str).ok_or("`expr` is missing or no string")?;
    let mut session = Session::new(bump, data, steps)?;
    match case.get("bindings") {
        None | Some(Json::Null) => {}
        Some(Json::Object(bindings)) => {
            for (name, value) in bindings {
                let value = encoding::decode(value, bump).map_err(|e| format!("binding `{name}`: {e}"))?;
                session.bind(name, value);
            }
        }
        Some(_) => return Err("`bindings` is no object".to_owned()),
    }
    match case.get("container") {
        None | Some(Json::Null) => {}
        Some(Json::String(container)) => session.set_container(container),
        Some(_) => return Err("`container` is no string".to_owned()),
    }
    Ok(encoding::outcome(&session.evaluate(expr)))
}

#[cfg(test)]
mod tests;

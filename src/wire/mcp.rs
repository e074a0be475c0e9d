//! Messages of the Model Context Protocol as they came: JSON-RPC 2.0, of which an adapter needs the method, the id to
//! answer under, and, for a tool call, name and arguments.

use crate::cel::value::Map;

/// One message.
#[derive(Clone, Copy, Debug)]
pub enum Mcp<'a> {
    /// A request: somebody waits for an answer.
    Request {
        /// The bytes of its id, a string or an integer.
        id: &'a [u8],
        /// What is asked.
        asked: Asked<'a>,
    },
    /// A notification: nobody waits, and nothing may be called by it.
    Notification {
        /// Its method.
        method: &'a str,
    },
    /// An answer to a request of the server.
    Response {
        /// The bytes of the id of that request; empty if it is null, which only an error's may be.
        id: &'a [u8],
    },
}

/// What a request asks for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The method, such as `tools/call`.
    pub method: &'a str,
    /// Its parameters.
    pub params: Params<'a>,
}

/// Parameters of a method.
#[derive(Clone, Copy, Debug)]
pub struct Params<'a> {
    /// Their bytes; empty if there are none.
    pub raw: &'a [u8],
    /// What they say.
    pub map: Map<'a>,
    /// The tool call they are, for `tools/call`.
    pub call: Option<Call<'a>>,
}

/// The parameters of `tools/call`.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Name of the tool.
    pub name: &'a str,
    /// The bytes of its arguments; empty if there are none.
    pub raw: &'a [u8],
    /// What they say.
    pub arguments: Map<'a>,
}

/// The result of a method that lists things.
#[derive(Clone, Copy, Debug)]
pub struct Listing<'a> {
    /// The other members: their names with quotes and their values, both as they were sent.
    pub others: &'a [(&'a [u8], &'a [u8])],
    /// What is listed, if the member is there.
    pub items: Option<&'a [Listed<'a>]>,
}

/// One thing that is listed.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// Its name; empty if it has none.
    pub name: &'a str,
    /// What a tool says of itself.
    pub annotations: Map<'a>,
    /// All of it, as it was sent.
    pub raw: &'a [u8],
}

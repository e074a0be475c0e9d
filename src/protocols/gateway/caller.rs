//! Who is connected, and what comes with a request besides the tool call: the evidence that an identity is made of.

use std::net::IpAddr;
use std::sync::Arc;

use bumpalo::Bump;
use http::HeaderMap;

use crate::cel::value::Map;
use crate::identity::os_user::OsUser;
use crate::identity::tailnet::{Peer, WhoisError};

/// The peer of a connection, as the transport knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Its address; none on a Unix socket.
    pub address: Option<IpAddr>,
    /// Its port; 0 on a Unix socket.
    pub port: u16,
    /// The user that runs it, on a Unix socket.
    pub uid: Option<u32>,
    /// It came by a Unix socket.
    pub unix: bool,
    /// The URIs (SPIFFE ids) that its verified client certificate names.
    pub uris: Arc<[String]>,
    /// The user of `uid`, once it was looked up.
    pub user: Option<Arc<OsUser>>,
    /// What the tailnet's daemon says of the address, once it was asked and knows it.
    pub peer: Option<Result<Arc<Peer>, WhoisError>>,
}

/// Who sent the headers of the request that is judged.
#[allow(dead_code, reason = "a part of these is for adapters that are asked without a gateway")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::protocols) enum Sender {
    /// A peer of this address.
    Address(IpAddr),
    /// A peer on our Unix socket.
    Unix,
    /// A gateway that hands them over without saying from whom it has them.
    Gateway,
    /// Nobody knows.
    Unknown,
}

/// What an identity can be made of.
#[derive(Clone, Copy, Debug)]
pub(in crate::protocols) struct Evidence<'a> {
    /// Who is connected to us: a gateway, or the agent's hook itself.
    pub(in crate::protocols) caller: &'a Caller,
    /// Headers of the request that is judged.
    pub(in crate::protocols) headers: Headers<'a>,
    /// Who sent them.
    pub(in crate::protocols) sender: Sender,
    /// The URIs of the certificate of who makes the call, verified where its TLS ends.
    pub(in crate::protocols) uris: &'a [&'a str],
    /// What a gateway found out: values by namespace.
    pub(in crate::protocols) metadata: Map<'a>,
}

impl<'a> Evidence<'a> {
    /// The evidence of a request that its maker sends to us itself, as hooks do.
    #[allow(dead_code, reason = "for adapters that are asked without a gateway")]
    pub(in crate::protocols) fn direct(caller: &'a Caller, headers: &'a HeaderMap, bump: &'a Bump) -> Self {
        let uris = bump.alloc_slice_fill_iter(caller.uris.iter().map(|uri| &**uri));
        let sender = match caller {
            Caller { unix: true, .. } => Sender::Unix,
            Caller { address: Some(address), .. } => Sender::Address(*address),
            Caller { .. } => Sender::Unknown,
        };
        let headers = Headers::of(headers, bump);
        Self { caller, headers, sender, uris, metadata: crate::wire::message::EMPTY }
    }
}

/// Headers by lower-case name, each as often as it was sent. A value that is no text is `None`.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::protocols) struct Headers<'a>(pub(in crate::protocols) &'a [(&'a str, Option<&'a str>)]);

/// A header that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::protocols) enum HeaderFault {
    /// Sent more than once.
    Repeated,
    /// Not printable text.
    NotText,
}

impl<'a> Headers<'a> {
    /// The headers of an HTTP request.
    #[allow(dead_code, reason = "for adapters that are asked without a gateway")]
    pub(in crate::protocols) fn of(headers: &'a HeaderMap, bump: &'a Bump) -> Self {
        let all = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().ok()));
        Self(bumpalo::collections::Vec::from_iter_in(all, bump).into_bump_slice())
    }

    /// The one value of a header.
    ///
    /// # Errors
    /// If there are several, or it is no text: nothing is picked.
    pub(in crate::protocols) fn one(self, name: &str) -> Result<Option<&'a str>, HeaderFault> {
        let mut values = self.0.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some((_, Some(value))), None) => Ok(Some(value)),
            (Some((_, None)), None) => Err(HeaderFault::NotText),
            (Some(_), Some(_)) => Err(HeaderFault::Repeated),
        }
    }
}

//! The network library (`ip`, `cidr`), and the reference's own `inIPAddrRange`, which reads addresses by other rules.

use std::net::IpAddr;

use super::super::context::Context;
use super::super::error::{Eval, EvalError};
use super::super::number::Quoted;
use super::super::value::{Object, Value};
use super::netip::{contains, masked, parse_addr, parse_prefix};
use super::{Function, global, member};

pub(super) const TABLE: &[Function] = &[
    global("ip", 1, ip),
    global("isIP", 1, is_ip),
    global("ip.isCanonical", 1, is_canonical),
    global("cidr", 1, cidr),
    global("isCIDR", 1, is_cidr),
    member("family", 1, family),
    member("isLoopback", 1, |_, a| test(a, |ip| ip.is_loopback())),
    member("isUnspecified", 1, |_, a| test(a, |ip| ip.is_unspecified())),
    member("isGlobalUnicast", 1, |_, a| test(a, is_global_unicast)),
    member("isLinkLocalUnicast", 1, |_, a| test(a, is_link_local)),
    member("isLinkLocalMulticast", 1, |_, a| test(a, is_link_local_multicast)),
    member("containsIP", 2, contains_ip),
    member("containsCIDR", 2, contains_cidr),
    member("ip", 1, |cx, a| network(a).map(|(ip, _)| cx.object(Object::Ip(ip)))),
    member("isMask", 1, |_, a| network(a).map(|(ip, bits)| Value::Bool(masked(ip, bits) == ip))),
    member("masked", 1, |cx, a| network(a).map(|(ip, bits)| cx.object(Object::Cidr(masked(ip, bits), bits)))),
    member("prefixLength", 1, |_, a| network(a).map(|(_, bits)| Value::Int(i64::from(bits)))),
    member("inIPAddrRange", 2, in_range),
];

/// An address as the network library accepts it: no zones, no IPv4 in IPv6.
fn address<'a>(cx: &Context<'a>, text: &str) -> Result<IpAddr, EvalError<'a>> {
    cx.charge(text.len() / 16 + 1)?;
    match parse_addr(text) {
        Err(why) => {
            let text = Quoted(text);
            Err(cx.error(format_args!("IP Address {text} parse error during conversion from string: {why}")))
        }
        Ok(addr) if addr.has_zone => {
            Err(cx.error(format_args!("IP address {} with zone value is not allowed", Quoted(text))))
        }
        Ok(addr) if is_mapped(addr.ip) => Err(mapped(cx, text)),
        Ok(addr) => Ok(addr.ip),
    }
}

fn prefix<'a>(cx: &Context<'a>, text: &str) -> Result<(IpAddr, u8), EvalError<'a>> {
    cx.charge(text.len() / 16 + 1)?;
    match parse_prefix(text) {
        Err(why) => {
            let text = Quoted(text);
            let parse = format_args!("netip.ParsePrefix({text}): {why}").to_string();
            Err(cx.error(format_args!("CIDR {text} parse error during conversion from string: {parse}")))
        }
        Ok((ip, _)) if is_mapped(ip) => Err(mapped(cx, text)),
        Ok(prefix) => Ok(prefix),
    }
}

fn is_mapped(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some())
}

fn mapped<'a>(cx: &Context<'a>, text: &str) -> EvalError<'a> {
    cx.error(format_args!("IPv4-mapped IPv6 address {} is not allowed", Quoted(text)))
}

fn ip<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    match *args {
        [Value::String(text)] => Ok(cx.object(Object::Ip(address(cx, text)?))),
        _ => Err(EvalError::MISMATCH),
    }
}

fn is_ip<'a>(_: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(text)] = *args else { return Err(EvalError::MISMATCH) };
    Ok(Value::Bool(parse_addr(text).is_ok_and(|a| !a.has_zone && !is_mapped(a.ip))))
}

fn is_canonical<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(text)] = *args else { return Err(EvalError::MISMATCH) };
    Ok(Value::Bool(address(cx, text)?.to_string() == text))
}

fn cidr<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(text)] = *args else { return Err(EvalError::MISMATCH) };
    let (ip, bits) = prefix(cx, text)?;
    Ok(cx.object(Object::Cidr(ip, bits)))
}

fn is_cidr<'a>(_: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(text)] = *args else { return Err(EvalError::MISMATCH) };
    Ok(Value::Bool(parse_prefix(text).is_ok_and(|(ip, _)| !is_mapped(ip))))
}

fn family<'a>(_: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::Object(Object::Ip(ip))] = args else { return Err(EvalError::MISMATCH) };
    Ok(Value::Int(if ip.is_ipv4() { 4 } else { 6 }))
}

fn test<'a>(args: &[Value<'a>], f: fn(IpAddr) -> bool) -> Eval<'a> {
    let [Value::Object(Object::Ip(ip))] = args else { return Err(EvalError::MISMATCH) };
    Ok(Value::Bool(f(*ip)))
}

fn is_global_unicast(ip: IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    !(broadcast || ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || is_link_local(ip))
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

fn is_link_local_multicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => matches!(v4.octets(), [224, 0, 0, _]),
        IpAddr::V6(v6) => matches!(v6.octets(), [0xff, scope, ..] if scope & 0x0f == 2),
    }
}

fn network<'a>(args: &[Value<'a>]) -> Result<(IpAddr, u8), EvalError<'a>> {
    match args {
        [Value::Object(Object::Cidr(ip, bits)), ..] => Ok((*ip, *bits)),
        _ => Err(EvalError::MISMATCH),
    }
}

fn contains_ip<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let (net, bits) = network(args)?;
    let ip = match args {
        [_, Value::Object(Object::Ip(ip))] => *ip,
        [_, Value::String(text)] => address(cx, text)?,
        _ => return Err(EvalError::MISMATCH),
    };
    Ok(Value::Bool(contains(net, bits, ip)))
}

fn contains_cidr<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let (net, bits) = network(args)?;
    let (inner, inner_bits) = match args {
        [_, Value::Object(Object::Cidr(ip, bits))] => (*ip, *bits),
        [_, Value::String(text)] => prefix(cx, text)?,
        _ => return Err(EvalError::MISMATCH),
    };
    Ok(Value::Bool(inner_bits >= bits && contains(net, bits, inner)))
}

/// `"10.1.2.3".inIPAddrRange("10.0.0.0/8")`: IPv4 in IPv6 form counts as IPv4, host bits do not matter.
fn in_range<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(address), Value::String(range)] = *args else { return Err(EvalError::MISMATCH) };
    cx.charge((address.len() + range.len()) / 16 + 1)?;
    let Some(ip) = plain(address) else {
        return Err(cx.error(format_args!("invalid IP address: {address}")));
    };
    let Some(range) = Range::parse(range) else {
        return Err(cx.error(format_args!("invalid CIDR address: {range}")));
    };
    Ok(Value::Bool(range.contains(ip)))
}

/// An address without zone; IPv4 in IPv6 form becomes IPv4.
pub fn plain(text: &str) -> Option<IpAddr> {
    parse_addr(text).ok().filter(|a| !a.has_zone).map(|a| a.ip.to_canonical())
}

/// The right side of `inIPAddrRange`, ready to use.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    network: IpAddr,
    bits: u8,
}

impl Range {
    /// Reads `address/bits`; leading zeros in the number of bits do no harm.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let addr = parse_addr(address).ok().filter(|a| !a.has_zone)?;
        let most = if addr.ip.is_ipv4() { 32 } else { 128 };
        if bits.is_empty() || !bits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let bits = bits.parse::<u64>().ok().filter(|b| *b <= most)? as u8;
        let network = masked(addr.ip, bits);
        // a network that still reads as IPv4 in IPv6 form is one of IPv4 addresses
        Some(match network {
            IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                Some(v4) => Self { network: IpAddr::V4(v4), bits: bits.saturating_sub(96) },
                None => Self { network, bits },
            },
            IpAddr::V4(_) => Self { network, bits },
        })
    }

    /// True if the address lies in it.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        contains(self.network, self.bits, ip)
    }
}

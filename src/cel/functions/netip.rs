//! IP addresses and prefixes as Go's `net/netip` reads them, with its error texts.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why a text is no address: the reason, and where, as Go prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddrError<'t> {
    /// The whole text.
    pub text: &'t str,
    reason: &'static str,
    /// What is left from the fault on; empty if Go does not say.
    at: &'t str,
}

impl fmt::Display for AddrError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use super::super::number::Quoted;
        write!(f, "ParseAddr({}): {}", Quoted(self.text), self.reason)?;
        if !self.at.is_empty() {
            write!(f, " (at {})", Quoted(self.at))?;
        }
        Ok(())
    }
}

/// An address and whether a zone followed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addr {
    /// The address; IPv4-mapped IPv6 stays IPv6.
    pub ip: IpAddr,
    /// `fe80::1%eth0`
    pub has_zone: bool,
}

/// Reads an address.
pub fn parse_addr(text: &str) -> Result<Addr, AddrError<'_>> {
    let fail = |reason| AddrError { text, reason, at: "" };
    match text.bytes().find(|b| matches!(b, b'.' | b':' | b'%')) {
        Some(b'.') => v4(text, text).map(|ip| Addr { ip: IpAddr::V4(ip), has_zone: false }),
        Some(b':') => v6(text),
        Some(_) => Err(fail("missing IPv6 address")),
        None => Err(fail("unable to parse IP")),
    }
}

fn v4<'t>(text: &'t str, part: &'t str) -> Result<Ipv4Addr, AddrError<'t>> {
    let fail = |reason, at| AddrError { text, reason, at };
    let mut octets = [0_u8; 4];
    let (mut position, mut digits, mut value) = (0, 0, 0_u32);
    let mut store = |position: usize, value: u32| {
        if let Some(slot) = octets.get_mut(position) {
            *slot = u8::try_from(value).unwrap_or(u8::MAX);
        }
    };
    for (i, b) in part.bytes().enumerate() {
        let rest = part.get(i..).unwrap_or("");
        match b {
            b'0'..=b'9' => {
                if digits == 1 && value == 0 {
                    return Err(fail("IPv4 field has octet with leading zero", ""));
                }
                value = value * 10 + u32::from(b - b'0');
                digits += 1;
                if value > 255 {
                    return Err(fail("IPv4 field has value >255", ""));
                }
            }
            b'.' => {
                // .1.2.3, 1..2.3 and 1.2.3.
                if i == 0 || i + 1 == part.len() || digits == 0 {
                    return Err(fail("IPv4 field must have at least one digit", rest));
                }
                if position == 3 {
                    return Err(fail("IPv4 address too long", ""));
                }
                store(position, value);
                position += 1;
                (value, digits) = (0, 0);
            }
            _ => return Err(fail("unexpected character", rest)),
        }
    }
    if position < 3 {
        return Err(fail("IPv4 address too short", ""));
    }
    store(3, value);
    Ok(Ipv4Addr::from(octets))
}

fn v6(text: &str) -> Result<Addr, AddrError<'_>> {
    let fail = |reason, at| AddrError { text, reason, at };
    let (mut rest, has_zone) = match text.split_once('%') {
        Some((_, "")) => return Err(fail("zone must be a non-empty string", "")),
        Some((address, _)) => (address, true),
        None => (text, false),
    };
    let mut groups = [0_u16; 8];
    let (mut count, mut ellipsis) = (0_usize, None);
    if let Some(after) = rest.strip_prefix("::") {
        ellipsis = Some(0);
        rest = after;
        if rest.is_empty() {
            return Ok(Addr { ip: IpAddr::V6(Ipv6Addr::UNSPECIFIED), has_zone });
        }
    }
    while count < 8 {
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        let value = match group(rest, digits) {
            Ok(value) => value,
            Err(reason) => return Err(fail(reason, rest)),
        };
        let after = rest.get(digits..).unwrap_or("");
        if after.starts_with('.') {
            if ellipsis.is_none() && count != 6 {
                return Err(fail("embedded IPv4 address must replace the final 2 fields of the address", rest));
            }
            if count + 2 > 8 {
                let reason = "too many hex fields to fit an embedded IPv4 at the end of the address";
                return Err(fail(reason, rest));
            }
            let [a, b, c, d] = v4(text, rest)?.octets();
            for value in [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])] {
                put(&mut groups, &mut count, value);
            }
            rest = "";
            break;
        }
        put(&mut groups, &mut count, value);
        rest = after;
        if rest.is_empty() {
            break;
        }
        let Some(next) = rest.strip_prefix(':') else { return Err(fail("unexpected character, want colon", rest)) };
        if next.is_empty() {
            return Err(fail("colon must be followed by more characters", rest));
        }
        rest = next;
        if let Some(after) = rest.strip_prefix(':') {
            if ellipsis.is_some() {
                return Err(fail("multiple :: in address", rest));
            }
            ellipsis = Some(count);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
    }
    if !rest.is_empty() {
        return Err(fail("trailing garbage after address", rest));
    }
    match ellipsis {
        None if count < 8 => return Err(fail("address string too short", "")),
        Some(_) if count == 8 => return Err(fail("the :: must expand to at least one field of zeros", "")),
        Some(at) => {
            if let Some(tail) = groups.get_mut(at..) {
                // the groups after the gap move to the end; what they leave behind is zero
                tail.rotate_right(8 - count);
            }
        }
        None => {}
    }
    Ok(Addr { ip: IpAddr::V6(Ipv6Addr::from(groups)), has_zone })
}

fn group(rest: &str, digits: usize) -> Result<u16, &'static str> {
    match digits {
        0 => Err("each colon-separated field must have at least one digit"),
        1..=4 => Ok(u16::from_str_radix(rest.get(..digits).unwrap_or(""), 16).unwrap_or(0)),
        _ => Err("each group must have 4 or less digits"),
    }
}

fn put(groups: &mut [u16; 8], count: &mut usize, value: u16) {
    if let Some(slot) = groups.get_mut(*count) {
        *slot = value;
    }
    *count += 1;
}

/// Why a text is no prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefixError<'t> {
    /// No `/`.
    NoSlash,
    /// The part before it is no address.
    Addr(AddrError<'t>),
    /// A zone before the slash.
    Zone,
    /// The part after it is no number.
    Bits(&'t str),
    /// More bits than the address has.
    Range,
}

impl fmt::Display for PrefixError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSlash => f.write_str("no '/'"),
            Self::Addr(e) => write!(f, "{e}"),
            Self::Zone => f.write_str("IPv6 zones cannot be present in a prefix"),
            Self::Bits(text) => write!(f, "bad bits after slash: {}", super::super::number::Quoted(text)),
            Self::Range => f.write_str("prefix length out of range"),
        }
    }
}

/// Reads `address/bits`.
pub fn parse_prefix(text: &str) -> Result<(IpAddr, u8), PrefixError<'_>> {
    let (address, bits_text) = text.rsplit_once('/').ok_or(PrefixError::NoSlash)?;
    let addr = parse_addr(address).map_err(PrefixError::Addr)?;
    if addr.has_zone {
        return Err(PrefixError::Zone);
    }
    let all_digits = !bits_text.is_empty() && bits_text.bytes().all(|b| b.is_ascii_digit());
    if !all_digits || (bits_text.len() > 1 && bits_text.starts_with('0')) {
        return Err(PrefixError::Bits(bits_text));
    }
    let most = if addr.ip.is_ipv4() { 32 } else { 128 };
    match bits_text.parse::<u64>() {
        Ok(bits) if bits <= most => Ok((addr.ip, bits as u8)),
        Ok(_) => Err(PrefixError::Range),
        Err(_) => Err(PrefixError::Bits(bits_text)),
    }
}

/// The address with all but its first `bits` bits cleared.
#[must_use]
pub fn masked(ip: IpAddr, bits: u8) -> IpAddr {
    match ip {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from(u32::from(v4) & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from(u128::from(v6) & mask))
        }
    }
}

/// True if `ip` lies in the network. Families never mix.
#[must_use]
pub fn contains(network: IpAddr, bits: u8, ip: IpAddr) -> bool {
    network.is_ipv4() == ip.is_ipv4() && masked(network, bits) == masked(ip, bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_like_go() {
        for (text, expect) in [
            ("1.2.3.4", Ok("1.2.3.4")),
            ("::FFFF", Ok("::ffff")),
            ("1:2:3:4:5:6:7::", Ok("1:2:3:4:5:6:7:0")),
            ("::1.2.3.4", Ok("::102:304")),
            ("1::8", Ok("1::8")),
            ("::2:3", Ok("::2:3")),
            ("64:ff9b::1.2.3.4", Ok("64:ff9b::102:304")),
            ("1.2.3", Err("IPv4 address too short")),
            ("1.2.3.", Err("IPv4 field must have at least one digit (at \".\")")),
            ("01.2.3.4", Err("IPv4 field has octet with leading zero")),
            ("", Err("unable to parse IP")),
            ("::g", Err("each colon-separated field must have at least one digit (at \"g\")")),
            ("1:2", Err("address string too short")),
            ("1::2::3", Err("multiple :: in address (at \":3\")")),
            ("12345::", Err("each group must have 4 or less digits (at \"12345::\")")),
            ("1:2:3:4:5:6:7:8:9", Err("trailing garbage after address (at \"9\")")),
            ("1:", Err("colon must be followed by more characters (at \":\")")),
            ("1:2:3:4:5:6:7::8", Err("the :: must expand to at least one field of zeros")),
            ("fe80::1%", Err("zone must be a non-empty string")),
            (
                "1:2:3:4:5:6:7:1.2.3.4",
                Err("embedded IPv4 address must replace the final 2 fields of the address (at \"1.2.3.4\")"),
            ),
        ] {
            let got = parse_addr(text).map(|a| a.ip.to_string()).map_err(|e| e.to_string());
            let expect = expect
                .map(str::to_owned)
                .map_err(|e| format!("ParseAddr({}): {e}", super::super::super::number::Quoted(text)));
            assert_eq!(got, expect);
        }
    }
}

//! Doubles as ECMAScript prints them, which protobuf's JSON and RFC 8785 both follow: the shortest digits that read
//! back as the same double, with an exponent below 1e-6 and from 1e21 on.

use std::io::Write;

/// Appends a finite double. Negative zero keeps its sign, which RFC 8785 drops beforehand.
pub fn write_number(number: f64, out: &mut Vec<u8>) {
    if number.is_sign_negative() {
        out.push(b'-');
    }
    let magnitude = number.abs();
    if magnitude < 1e15 && magnitude.fract() == 0.0 {
        // Writing to a vector cannot fail, here and below.
        let _ = write!(out, "{}", magnitude as u64);
        return;
    }
    let scientific = format!("{magnitude:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let mut digits: Vec<u8> = mantissa.bytes().filter(|&b| b != b'.').collect();
    round_tie(magnitude, &mut digits);
    lay_out(&digits, exponent.parse().unwrap_or(0), out);
}

/// `digits` with the first one before the point, times ten to the `exponent`.
fn lay_out(digits: &[u8], exponent: i32, out: &mut Vec<u8>) {
    let zeros = |n: i32| std::iter::repeat_n(b'0', usize::try_from(n).unwrap_or(0));
    match exponent {
        -6..=-1 => {
            out.extend_from_slice(b"0.");
            out.extend(zeros(-1 - exponent));
            out.extend_from_slice(digits);
        }
        0..=20 => {
            let whole = digits.len().min(exponent as usize + 1);
            let (whole, fraction) = digits.split_at_checked(whole).unwrap_or((digits, &[]));
            out.extend_from_slice(whole);
            out.extend(zeros(exponent + 1 - whole.len() as i32));
            if !fraction.is_empty() {
                out.push(b'.');
                out.extend_from_slice(fraction);
            }
        }
        _ => {
            let (first, rest) = digits.split_at_checked(1).unwrap_or((digits, &[]));
            out.extend_from_slice(first);
            if !rest.is_empty() {
                out.push(b'.');
                out.extend_from_slice(rest);
            }
            let _ = write!(out, "e{exponent:+}");
        }
    }
}

/// Two shortest texts can be equally near; then ECMAScript takes the one with the even digit, while the standard
/// library rounds up. That needs 16 digits or more, and an exact value that ends in a 5 right after them.
fn round_tie(magnitude: f64, digits: &mut [u8]) {
    let len = digits.len();
    let Some(last) = digits.last_mut().filter(|last| len >= 16 && **last % 2 == 1) else { return };
    let expected = *last - 1;
    let exact = |precision: usize| format!("{magnitude:.precision$e}");
    let ends_in_five = |text: &str| {
        let mut after = text.bytes().filter(|&b| b != b'.').take_while(|&b| b != b'e').skip(len - 1);
        after.next() == Some(expected) && after.next() == Some(b'5') && after.all(|b| b == b'0')
    };
    // No double has more than 767 significant digits.
    if ends_in_five(&exact(len + 4)) && ends_in_five(&exact(770)) {
        *last = expected;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_ecmascript_prints() {
        // The examples of RFC 8785, appendix B, and the reference's.
        let cases = [
            (0x0000_0000_0000_0000, "0"),
            (0x8000_0000_0000_0000, "-0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ];
        for (bits, expected) in cases {
            let number = f64::from_bits(bits);
            let mut out = Vec::new();
            write_number(number, &mut out);
            let printed = String::from_utf8(out).unwrap();
            let read: f64 = printed.parse().unwrap();
            assert_eq!(read.to_bits(), bits, "{printed}");
            assert_eq!(printed, expected);
        }
    }
}

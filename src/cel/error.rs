//! What can go wrong while an expression runs: a small `Copy` error that borrows, formatted only when somebody reads it.
//!
//! The texts are the reference's run-time texts. Parse and check errors are not here: they belong to the front end.

use std::fmt;

use super::show::Shown;
use super::value::Value;

/// A run-time error: one pointer, so that results stay small. What it points to lives in the request's arena, the
/// compiled policy, or is static.
#[derive(Clone, Copy)]
pub struct EvalError<'a>(pub &'a Fault<'a>);

/// What an evaluation gives.
pub type Eval<'a> = Result<Value<'a>, EvalError<'a>>;

/// The causes.
#[derive(Clone, Copy, Debug)]
pub enum Fault<'a> {
    /// The step budget of the decision is used up. Nothing absorbs this one.
    BudgetExhausted,
    /// A value is nested deeper than anything that comes with a request. Nothing absorbs this one.
    TooDeep,
    /// `now()` was asked for and no clock reading came with the request.
    NowMissing,
    /// Wrong kinds for an operator.
    NoSuchOverload,
    /// Wrong kind of receiver for a function.
    NoOverload(&'static str),
    /// Wrong kinds for a function, which are named.
    NoOverloadFor(&'static str, &'a [Value<'a>]),
    /// The function found no overload: whoever called it knows how to say so.
    Mismatch,
    /// The same for `flatten`, whose text puts the receiver first.
    NoMethodFor(&'static str, &'a [Value<'a>]),
    /// A map without that string key.
    NoSuchKey(&'a str),
    /// A map without that key.
    NoSuchKeyValue(Value<'a>),
    /// A message without that field.
    NoSuchField(&'a str),
    /// A variable that failed, or a global that is not configured.
    UndefinedField(&'a str),
    /// Not a possible key at all.
    BadQualifier(Value<'a>),
    /// A key that this kind of map can't hold.
    Unhashable(Value<'a>),
    /// List index of the wrong kind.
    ListIndexType(Value<'a>),
    /// Index of the wrong kind for an object.
    IndexType(Value<'a>),
    /// List index that is no position, such as one with a fraction.
    ListIndexValue(Value<'a>),
    /// List index past the end, as a position.
    IndexOutOfBounds(Value<'a>),
    /// String index past the end.
    IndexOutOfRange(i64),
    /// One-variable macro over something that is no list or map.
    NotIterable(Value<'a>),
    /// Two-variable macro over something that is no list or map.
    NotFoldable(Value<'a>),
    /// A map entry given twice by `transformMapEntry`.
    DuplicateKey(Value<'a>),
    /// Text that does not convert: from, to.
    Conversion(&'static str, &'static str),
    /// Text that is no timestamp.
    BadTimestamp(&'a str),
    /// Unknown time zone.
    BadZone(&'a str),
    /// A fixed text.
    Static(&'static str),
    /// A text made for the occasion.
    Text(&'a str),
}

impl<'a> EvalError<'a> {
    /// See [`Fault::BudgetExhausted`].
    pub const BUDGET: EvalError<'static> = EvalError(&Fault::BudgetExhausted);
    /// See [`Fault::TooDeep`].
    pub const TOO_DEEP: EvalError<'static> = EvalError(&Fault::TooDeep);
    /// See [`Fault::NoSuchOverload`].
    pub const NO_SUCH_OVERLOAD: EvalError<'static> = EvalError(&Fault::NoSuchOverload);
    /// See [`Fault::Mismatch`].
    pub const MISMATCH: EvalError<'static> = EvalError(&Fault::Mismatch);
    /// See [`Fault::NowMissing`].
    pub const NOW_MISSING: EvalError<'static> = EvalError(&Fault::NowMissing);
    /// `int` arithmetic out of range.
    pub const INT_OVERFLOW: EvalError<'static> = EvalError(&Fault::Static("integer overflow"));
    /// `uint` arithmetic out of range.
    pub const UINT_OVERFLOW: EvalError<'static> = EvalError(&Fault::Static("unsigned integer overflow"));
    /// Division by zero.
    pub const DIVISION_BY_ZERO: EvalError<'static> = EvalError(&Fault::Static("division by zero"));
    /// Modulus by zero.
    pub const MODULUS_BY_ZERO: EvalError<'static> = EvalError(&Fault::Static("modulus by zero"));
    /// Timestamp outside of years 1 to 9999.
    pub const TIMESTAMP_OVERFLOW: EvalError<'static> = EvalError(&Fault::Static("timestamp overflow"));
    /// The value of an empty optional.
    pub const NONE_DEREFERENCE: EvalError<'static> = EvalError(&Fault::Static("optional.none() dereference"));

    /// The cause.
    #[must_use]
    pub fn fault(self) -> &'a Fault<'a> {
        self.0
    }

    /// True for the errors that end the evaluation: no operator, macro or default absorbs them.
    #[must_use]
    pub fn is_fatal(self) -> bool {
        matches!(self.0, Fault::BudgetExhausted | Fault::TooDeep)
    }

    /// True if the step budget ran out (or a value was nested beyond measure).
    #[must_use]
    pub fn is_budget(self) -> bool {
        self.is_fatal()
    }

    /// True if the expression needs the clock and had none.
    #[must_use]
    pub fn is_now_missing(self) -> bool {
        matches!(self.0, Fault::NowMissing)
    }
}

impl fmt::Debug for EvalError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EvalError({self})")
    }
}

impl PartialEq for EvalError<'_> {
    /// Equal if they read the same.
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0) || self.to_string() == other.to_string()
    }
}

impl std::error::Error for EvalError<'_> {}

impl fmt::Display for EvalError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self.0 {
            Fault::BudgetExhausted => f.write_str("budget exhausted"),
            Fault::TooDeep => f.write_str("budget exhausted: value nested too deeply"),
            Fault::NowMissing => f.write_str("no value for now()"),
            Fault::NoSuchOverload | Fault::Mismatch => f.write_str("no such overload"),
            Fault::NoOverload(name) => write!(f, "no such overload: {name}"),
            Fault::NoOverloadFor(name, args) => {
                write!(f, "no such overload: {name}(")?;
                kinds(f, args)
            }
            Fault::NoMethodFor(name, args) => {
                let (receiver, rest) = args.split_first().map_or((Value::Null, args), |(r, rest)| (*r, rest));
                write!(f, "no such overload: {}{}.{name}(", receiver.type_name(), parameters(receiver))?;
                for (i, arg) in rest.iter().enumerate() {
                    let comma = if i > 0 { ", " } else { "" };
                    write!(f, "{comma}{}{}", arg.type_name(), parameters(*arg))?;
                }
                f.write_str(")")
            }
            Fault::NoSuchKey(key) => write!(f, "no such key: {key}"),
            Fault::NoSuchKeyValue(key) => write!(f, "no such key: {}", Shown(key)),
            Fault::NoSuchField(name) => write!(f, "no such field '{name}'"),
            Fault::UndefinedField(name) => write!(f, "undefined field '{name}'"),
            Fault::BadQualifier(v) => write!(f, "invalid qualifier type: {}", v.go_type()),
            Fault::Unhashable(v) => {
                write!(f, "internal error: runtime error: hash of unhashable type {}", v.go_type())
            }
            Fault::ListIndexType(v) => write!(f, "unsupported index type '{}' in list", v.type_name()),
            Fault::IndexType(v) => write!(f, "unsupported index type '{}'", v.type_name()),
            Fault::ListIndexValue(v) => write!(f, "unsupported index value {} in list", Shown(v)),
            Fault::IndexOutOfBounds(v) => write!(f, "index out of bounds: {}", Shown(v)),
            Fault::IndexOutOfRange(i) => write!(f, "index out of range: {i}"),
            Fault::NotIterable(v) => write!(f, "got '{}', expected iterable type", v.go_type()),
            Fault::NotFoldable(v) => write!(f, "unsupported comprehension range type: {}", v.go_type()),
            Fault::DuplicateKey(v) => write!(f, "insert failed: key {} already exists", Shown(v)),
            Fault::Conversion(from, to) => write!(f, "type conversion error from '{from}' to '{to}'"),
            Fault::BadTimestamp(text) => write!(f, "invalid RFC 3339 timestamp {}", super::number::Quoted(text)),
            Fault::BadZone(zone) => write!(f, "unknown time zone {zone}"),
            Fault::Static(text) => f.write_str(text),
            Fault::Text(text) => f.write_str(text),
        }
    }
}

/// Type arguments, where the reference prints them.
fn parameters(value: Value<'_>) -> &'static str {
    match value {
        Value::List(_) | Value::Optional(_) => "(dyn)",
        Value::Map(_) => "(dyn, dyn)",
        _ => "",
    }
}

fn kinds(f: &mut fmt::Formatter<'_>, args: &[Value<'_>]) -> fmt::Result {
    for (i, arg) in args.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        f.write_str(arg.type_name())?;
    }
    f.write_str(")")
}

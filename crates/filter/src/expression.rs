//! What a filter says, once it has been read.

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expression {
    /// One of these holds (`||`).
    Any(Vec<Expression>),
    /// All of these hold (`&&`).
    All(Vec<Expression>),
    /// This does not hold (`!`).
    Not(Box<Expression>),
    /// The query finds something.
    Exists(Query),
    /// The two compare so.
    Comparison(Box<Comparison>),
}

/// A comparison of two values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub(crate) left: Operand,
    pub(crate) operator: Operator,
    pub(crate) right: Operand,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operand {
    Null,
    Bool(bool),
    /// As it was written.
    Number(Box<str>),
    String(Box<str>),
    /// A query that finds at most one value.
    Query(Query),
    /// The length of what such a query finds.
    Length(Query),
}

/// A way from one value to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) origin: Origin,
    pub(crate) segments: Vec<Segment>,
}

impl Query {
    /// Whether it finds one value at most.
    pub(crate) fn is_singular(&self) -> bool {
        let single = |segment: &Segment| matches!(segment, Segment::Name(_) | Segment::Index(_));
        self.segments.iter().all(single)
    }
}

/// Where a query begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// At the whole payload (`$`).
    Root,
    /// At the value in question (`@`).
    Current,
}

/// A step of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    /// To the member of this name.
    Name(Box<str>),
    /// To the element of this number; from the end, if it is negative.
    Index(i64),
    /// To every member or element.
    Each,
    /// To every member or element for which this holds.
    Where(Box<Expression>),
}

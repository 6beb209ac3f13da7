//! From a filter's text to what it says, by the grammar of RFC 9535, section 2.3.5.1.

use crate::expression::{Comparison, Expression, Operand, Operator, Origin, Query, Segment};
use crate::scanner::{Scanner, begins_name};
use crate::{NESTING, SOURCE_BYTES};

/// The greatest index, the same as RFC 9535's: 2 to the power of 53, less 1.
const INDEX_MOST: i64 = (1 << 53) - 1;

/// Why a text is no filter, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason} (at character {position})")]
pub struct ParseFilterError {
    /// The character that it is about, counted from 1.
    pub position: usize,
    /// What is wrong there.
    pub reason: Reason,
}

/// What is wrong with a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// It is too long.
    #[error("a filter has at most {SOURCE_BYTES} bytes")]
    TooLong,
    /// It is nested too deep.
    #[error("at most {NESTING} parentheses and brackets may be open at once")]
    TooDeep,
    /// Something else must stand there.
    #[error("{0} is expected here")]
    Expected(&'static str),
    /// A string has no end.
    #[error("this quote is never closed")]
    Unclosed,
    /// More than one value could be compared.
    #[error("only one value can be compared: no * and no [?…], which say what exists")]
    ManyValues,
    /// RFC 9535 has it, filters don't.
    #[error("filters don't have {0}")]
    Unsupported(&'static str),
}

/// Reads a filter.
pub(crate) fn parse(source: &str) -> Result<Expression, ParseFilterError> {
    let mut parser = Parser {
        scanner: Scanner::new(source),
        depth: 0,
    };
    if source.len() > SOURCE_BYTES {
        return Err(parser.scanner.error(Reason::TooLong));
    }
    let expression = parser.any()?;
    parser.scanner.blanks();
    if parser.scanner.rest().is_empty() {
        Ok(expression)
    } else {
        Err(parser.expected("&&, || or the end"))
    }
}

/// Recurses once for each parenthesis and bracket, so never deeper than [`NESTING`].
struct Parser<'s> {
    scanner: Scanner<'s>,
    depth: usize,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Expression, ParseFilterError> {
        let mut any = vec![self.all()?];
        while self.scanner.takes_after_blanks("||") {
            any.push(self.all()?);
        }
        Ok(one_or(any, Expression::Any))
    }

    fn all(&mut self) -> Result<Expression, ParseFilterError> {
        let mut all = vec![self.basic()?];
        while self.scanner.takes_after_blanks("&&") {
            all.push(self.basic()?);
        }
        Ok(one_or(all, Expression::All))
    }

    fn basic(&mut self) -> Result<Expression, ParseFilterError> {
        if !self.scanner.takes_after_blanks("!") {
            return self.condition();
        }
        self.scanner.blanks();
        let at = self.scanner.at();
        let is_in_parentheses = self.scanner.rest().starts_with('(');
        match self.condition()? {
            // RFC 9535 has no `!@.a == 1`: it reads like something else than it would say.
            Expression::Comparison(_) if !is_in_parentheses => {
                let reason = Reason::Expected("a parenthesis around the comparison after !");
                Err(self.scanner.error_at(at, reason))
            }
            condition => Ok(Expression::Not(Box::new(condition))),
        }
    }

    fn condition(&mut self) -> Result<Expression, ParseFilterError> {
        self.scanner.blanks();
        let at = self.scanner.at();
        if self.scanner.takes("(") {
            return self.nested(at, ")", Self::any);
        }
        let left = self.operand()?;
        self.scanner.blanks();
        let Some(operator) = self.operator() else {
            return match left {
                Operand::Query(query) => Ok(Expression::Exists(query)),
                _ => Err(self.expected("a comparison: ==, !=, <, <=, > or >=")),
            };
        };
        self.singular(&left, at)?;
        self.scanner.blanks();
        let right_at = self.scanner.at();
        let right = self.operand()?;
        self.singular(&right, right_at)?;
        Ok(Expression::Comparison(Box::new(Comparison {
            left,
            operator,
            right,
        })))
    }

    fn operator(&mut self) -> Option<Operator> {
        // Those of two characters before those that they begin with.
        let operators = [
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        let found = operators
            .into_iter()
            .find(|(text, _)| self.scanner.takes(text));
        found.map(|(_, operator)| operator)
    }

    fn operand(&mut self) -> Result<Operand, ParseFilterError> {
        let at = self.scanner.at();
        match self.scanner.rest().chars().next() {
            Some('@' | '$') => self.query().map(Operand::Query),
            Some('\'' | '"') => self.scanner.string().map(Operand::String),
            Some('-' | '0'..='9') => Ok(Operand::Number(self.scanner.number()?.into())),
            Some(first) if begins_name(first) => self.named(at),
            _ => Err(self.expected("a value: @…, $…, a string, a number, true, false or null")),
        }
    }

    /// A word that stands for a value, or a function.
    fn named(&mut self, at: usize) -> Result<Operand, ParseFilterError> {
        match self.scanner.word() {
            "true" => Ok(Operand::Bool(true)),
            "false" => Ok(Operand::Bool(false)),
            "null" => Ok(Operand::Null),
            "length" => self.length(),
            "match" | "search" | "count" | "value" => {
                let reason = Reason::Unsupported("match, search, count and value");
                Err(self.scanner.error_at(at, reason))
            }
            _ => {
                let reason = Reason::Expected("a string in quotes, true, false, null or length(…)");
                Err(self.scanner.error_at(at, reason))
            }
        }
    }

    fn length(&mut self) -> Result<Operand, ParseFilterError> {
        let at = self.scanner.at();
        if !self.scanner.takes("(") {
            return Err(self.expected("( right after length"));
        }
        let query = |parser: &mut Self| {
            parser.scanner.blanks();
            let at = parser.scanner.at();
            if !parser.scanner.rest().starts_with(['@', '$']) {
                return Err(parser.expected("@… or $…"));
            }
            let query = parser.query()?;
            if query.is_singular() {
                Ok(query)
            } else {
                Err(parser.scanner.error_at(at, Reason::ManyValues))
            }
        };
        self.nested(at, ")", query).map(Operand::Length)
    }

    fn query(&mut self) -> Result<Query, ParseFilterError> {
        let origin = if self.scanner.takes("$") {
            Origin::Root
        } else {
            self.scanner.takes("@");
            Origin::Current
        };
        let mut segments = Vec::new();
        loop {
            self.scanner.blanks();
            let at = self.scanner.at();
            if self.scanner.takes("..") {
                let reason = Reason::Unsupported("the .. of JSONPath");
                return Err(self.scanner.error_at(at, reason));
            } else if self.scanner.takes(".") {
                segments.push(self.member()?);
            } else if self.scanner.takes("[") {
                segments.push(self.nested(at, "]", Self::selector)?);
            } else {
                return Ok(Query { origin, segments });
            }
        }
    }

    /// What stands after a dot.
    fn member(&mut self) -> Result<Segment, ParseFilterError> {
        if self.scanner.takes("*") {
            return Ok(Segment::Each);
        }
        if !self.scanner.rest().starts_with(begins_name) {
            return Err(self.expected("a member's name or *"));
        }
        Ok(Segment::Name(self.scanner.word().into()))
    }

    /// What stands in brackets.
    fn selector(&mut self) -> Result<Segment, ParseFilterError> {
        self.scanner.blanks();
        let segment = match self.scanner.rest().chars().next() {
            Some('*') => {
                self.scanner.takes("*");
                Segment::Each
            }
            Some('?') => {
                self.scanner.takes("?");
                Segment::Where(Box::new(self.any()?))
            }
            Some('\'' | '"') => Segment::Name(self.scanner.string()?),
            Some('-' | '0'..='9') => Segment::Index(self.index()?),
            Some(':') => return Err(self.scanner.error(Reason::Unsupported("slices"))),
            _ => return Err(self.expected("a name in quotes, a number, * or ?…")),
        };
        self.scanner.blanks();
        match self.scanner.rest().chars().next() {
            Some(',') => {
                let reason = Reason::Unsupported("several selectors in one pair of brackets");
                Err(self.scanner.error(reason))
            }
            Some(':') => Err(self.scanner.error(Reason::Unsupported("slices"))),
            _ => Ok(segment),
        }
    }

    fn index(&mut self) -> Result<i64, ParseFilterError> {
        let at = self.scanner.at();
        let text = self.scanner.number()?;
        let index = text
            .parse()
            .ok()
            .filter(|index: &i64| text != "-0" && (-INDEX_MOST..=INDEX_MOST).contains(index));
        index.ok_or_else(|| {
            let reason = Reason::Expected("a whole number within 53 bits");
            self.scanner.error_at(at, reason)
        })
    }

    /// What is between a bracket that was opened there and the one that closes it.
    fn nested<T>(
        &mut self,
        opened: usize,
        closing: &'static str,
        within: impl FnOnce(&mut Self) -> Result<T, ParseFilterError>,
    ) -> Result<T, ParseFilterError> {
        if self.depth == NESTING {
            return Err(self.scanner.error_at(opened, Reason::TooDeep));
        }
        self.depth += 1;
        let inner = within(self)?;
        self.depth -= 1;
        if self.scanner.takes_after_blanks(closing) {
            Ok(inner)
        } else {
            Err(self.expected(closing))
        }
    }

    fn singular(&self, operand: &Operand, at: usize) -> Result<(), ParseFilterError> {
        match operand {
            Operand::Query(query) if !query.is_singular() => {
                Err(self.scanner.error_at(at, Reason::ManyValues))
            }
            _ => Ok(()),
        }
    }

    fn expected(&self, what: &'static str) -> ParseFilterError {
        self.scanner.error(Reason::Expected(what))
    }
}

/// One alone stands for itself.
fn one_or(
    mut expressions: Vec<Expression>,
    several: fn(Vec<Expression>) -> Expression,
) -> Expression {
    match expressions.pop() {
        Some(only) if expressions.is_empty() => only,
        last => {
            expressions.extend(last);
            several(expressions)
        }
    }
}

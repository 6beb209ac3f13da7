//! A payload as the validator sees it: each look costs steps.

use std::borrow::Cow;
use std::ops::ControlFlow;

use jsonschema::JsonType;
use jsonschema::json::{self, Json, NodeIdentity, cmp, unique};
use serde_json::{Map, Number, Value};

use crate::meter::Meter;

/// JSON whose looks are metered.
pub(crate) enum Metered {}

/// A value of a payload.
#[derive(Clone, Copy)]
pub(crate) struct Node<'a> {
    seen: Seen<'a>,
    /// None for a name that the validator made a node of by itself.
    meter: Option<&'a Meter>,
}

#[derive(Clone, Copy)]
enum Seen<'a> {
    Value(&'a Value),
    /// The name of a member.
    Name(&'a str),
}

impl<'a> Node<'a> {
    /// The payload as a whole.
    pub(crate) fn new(value: &'a Value, meter: &'a Meter) -> Self {
        Self {
            seen: Seen::Value(value),
            meter: Some(meter),
        }
    }

    fn take(&self, steps: usize) {
        if let Some(meter) = self.meter {
            meter.take(steps);
        }
    }

    fn value(&self) -> Option<&'a Value> {
        self.take(1);
        match self.seen {
            Seen::Value(value) => Some(value),
            Seen::Name(_) => None,
        }
    }

    fn text(&self) -> Option<&'a str> {
        match self.seen {
            Seen::Value(value) => value.as_str(),
            Seen::Name(name) => Some(name),
        }
    }
}

impl Json for Metered {
    type Node<'a> = Node<'a>;
    type PreparedKey = String;
    type StringBuffer = ();

    // A value is no part of itself.
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>((): &mut (), name: &str, f: impl FnOnce(Node<'_>) -> T) -> T {
        f(Node {
            seen: Seen::Name(name),
            meter: None,
        })
    }
}

impl<'a> json::Node<'a, Metered> for Node<'a> {
    type Object = Members<'a>;
    type Array = Elements<'a>;
    type Number = &'a Number;

    fn as_object(&self) -> Option<Members<'a>> {
        Some(Members {
            members: self.value()?.as_object()?,
            meter: self.meter,
        })
    }

    fn as_array(&self) -> Option<Elements<'a>> {
        Some(Elements {
            elements: self.value()?.as_array()?,
            meter: self.meter,
        })
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        let text = self.text()?;
        if let Some(meter) = self.meter {
            meter.take_text(text);
        }
        Some(Cow::Borrowed(text))
    }

    fn as_number(&self) -> Option<&'a Number> {
        self.value()?.as_number()
    }

    fn as_boolean(&self) -> Option<bool> {
        self.value()?.as_bool()
    }

    fn is_null(&self) -> bool {
        self.value().is_some_and(Value::is_null)
    }

    fn json_type(&self) -> JsonType {
        self.take(1);
        match self.seen {
            Seen::Value(Value::Null) => JsonType::Null,
            Seen::Value(Value::Bool(_)) => JsonType::Boolean,
            Seen::Value(Value::Number(_)) => JsonType::Number,
            Seen::Value(Value::String(_)) | Seen::Name(_) => JsonType::String,
            Seen::Value(Value::Array(_)) => JsonType::Array,
            Seen::Value(Value::Object(_)) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        match self.seen {
            Seen::Value(value) => {
                self.take(weight(value));
                cmp::equal(value, expected)
            }
            Seen::Name(name) => {
                self.take(1);
                expected.as_str() == Some(name)
            }
        }
    }

    /// For violations alone: they don't carry what they are about.
    fn to_value(&self) -> Cow<'a, Value> {
        if let Some(meter) = self.meter {
            meter.take_violation();
        }
        Cow::Owned(Value::Null)
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(match self.seen {
            Seen::Value(value) => NodeIdentity::new(std::ptr::from_ref(value).addr()),
            // An empty text has no address of its own, a name in no case that of a value.
            Seen::Name(name) => NodeIdentity::tagged(name.as_ptr().addr(), 1),
        })
    }
}

/// The members of an object.
pub(crate) struct Members<'a> {
    members: &'a Map<String, Value>,
    meter: Option<&'a Meter>,
}

impl<'a> Members<'a> {
    fn node(&self, seen: Seen<'a>) -> Node<'a> {
        Node {
            seen,
            meter: self.meter,
        }
    }
}

impl<'a> json::Object<'a, Metered> for Members<'a> {
    type Node = Node<'a>;
    type MemberName = &'a str;
    type MembersIter = Each<'a, serde_json::map::Iter<'a>>;

    fn len(&self) -> usize {
        self.members.len()
    }

    fn get(&self, key: &String) -> Option<Node<'a>> {
        if let Some(meter) = self.meter {
            meter.take(1);
        }
        self.members
            .get(key)
            .map(|value| self.node(Seen::Value(value)))
    }

    fn members(&self) -> Self::MembersIter {
        Each {
            rest: self.members.iter(),
            meter: self.meter,
        }
    }

    fn try_for_each_name_node<B>(
        &self,
        (): &mut (),
        f: impl FnMut(Node<'_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let names = self.members.keys();
        let mut nodes = names.map(|name| self.node(Seen::Name(name)));
        nodes.try_for_each(f)
    }
}

/// The elements of an array.
pub(crate) struct Elements<'a> {
    elements: &'a [Value],
    meter: Option<&'a Meter>,
}

impl<'a> json::Array<'a, Metered> for Elements<'a> {
    type Node = Node<'a>;
    type ElementsIter = Each<'a, std::slice::Iter<'a, Value>>;

    fn len(&self) -> usize {
        self.elements.len()
    }

    fn elements(&self) -> Self::ElementsIter {
        Each {
            rest: self.elements.iter(),
            meter: self.meter,
        }
    }

    fn is_unique(&self) -> bool {
        if let Some(meter) = self.meter {
            meter.take(self.elements.iter().map(weight).sum());
        }
        unique::is_unique(self.elements)
    }
}

/// Values one after the other, a step each.
pub(crate) struct Each<'a, I> {
    rest: I,
    meter: Option<&'a Meter>,
}

impl<'a, I> Each<'a, I> {
    fn node(&self, value: &'a Value) -> Node<'a> {
        if let Some(meter) = self.meter {
            meter.take(1);
        }
        Node {
            seen: Seen::Value(value),
            meter: self.meter,
        }
    }
}

impl<'a> Iterator for Each<'a, serde_json::map::Iter<'a>> {
    type Item = (&'a str, Node<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.rest.next()?;
        Some((name, self.node(value)))
    }
}

impl<'a> Iterator for Each<'a, std::slice::Iter<'a, Value>> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let value = self.rest.next()?;
        Some(self.node(value))
    }
}

/// What it costs to read a value through.
fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
        Value::String(text) => 1 + text.len(),
        Value::Array(elements) => 1 + elements.iter().map(weight).sum::<usize>(),
        Value::Object(members) => {
            let each = |(name, value): (&String, &Value)| name.len() + weight(value);
            1 + members.iter().map(each).sum::<usize>()
        }
    }
}

//! The event types to choose from, in groups, with what is chosen of them.

use crate::resources::event_types::names::Name;

/// Everything to choose from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// Every event, also of types that come later.
    pub(super) everything: bool,
    pub(super) groups: Vec<Group>,
    /// What is chosen and not in the catalogue, such as the type of an archived entry.
    pub(super) others: Vec<String>,
}

/// The types that begin with the same word.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: String,
    /// Selects the whole group, also types that come later.
    pub(super) pattern: String,
    pub(super) whole: bool,
    pub(super) types: Vec<Type>,
}

impl Group {
    /// Whether it is offered as a whole: it holds more than one type, or is chosen so.
    pub(super) fn is_wide(&self) -> bool {
        self.whole || self.types.len() > 1
    }
}

/// One type of the catalogue.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Type {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) chosen: bool,
}

/// The pattern that selects every event.
pub(super) const EVERYTHING: &str = "*";

impl Choice {
    /// From the catalogue, which is in the order of names, with these patterns chosen.
    pub(super) fn new(catalogue: Vec<Name>, chosen: &[String]) -> Self {
        let is_chosen = |pattern: &str| chosen.iter().any(|one| one == pattern);
        let mut groups: Vec<Group> = Vec::new();
        for entry in catalogue {
            let word = entry.name.split('.').next().unwrap_or_default();
            let one = Type {
                chosen: is_chosen(&entry.name),
                description: entry.description,
                name: entry.name.clone(),
            };
            match groups.last_mut() {
                Some(group) if group.name == word => group.types.push(one),
                _ => {
                    let pattern = format!("{word}.*");
                    groups.push(Group {
                        name: word.to_owned(),
                        whole: is_chosen(&pattern),
                        pattern,
                        types: vec![one],
                    });
                }
            }
        }
        let is_offered = |pattern: &str| {
            pattern == EVERYTHING
                || groups.iter().any(|group| {
                    group.pattern == pattern || group.types.iter().any(|one| one.name == pattern)
                })
        };
        let others = chosen.iter().filter(|pattern| !is_offered(pattern));
        Self {
            everything: is_chosen(EVERYTHING),
            others: others.cloned().collect(),
            groups,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str) -> Name {
        Name {
            name: name.to_owned(),
            description: String::new(),
        }
    }

    fn choice(chosen: &[&str]) -> Choice {
        let catalogue = [
            "ping",
            "shipment.created",
            "shipment.updated",
            "user.created",
        ];
        let chosen: Vec<String> = chosen.iter().map(ToString::to_string).collect();
        Choice::new(catalogue.map(entry).into(), &chosen)
    }

    #[test]
    fn types_are_grouped_by_their_first_word() {
        let choice = choice(&["shipment.created", "user.*", "old.type"]);
        let names: Vec<_> = choice.groups.iter().map(|group| &*group.name).collect();
        assert_eq!(names, ["ping", "shipment", "user"]);
        assert!(choice.groups[1].types[0].chosen && !choice.groups[1].types[1].chosen);
        assert!(choice.groups[2].whole && !choice.groups[2].types[0].chosen);
        let wide: Vec<_> = choice.groups.iter().map(Group::is_wide).collect();
        assert_eq!(wide, [false, true, true]);
        assert_eq!(choice.others, ["old.type"]);
        assert!(!choice.everything);
    }

    #[test]
    fn everything_is_no_other() {
        let choice = choice(&["*"]);
        assert!(choice.everything && choice.others.is_empty());
    }
}

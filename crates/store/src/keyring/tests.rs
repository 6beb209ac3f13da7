use secrecy::ExposeSecret;

use super::*;

fn keyring(names: &[&str]) -> Keyring {
    let entries: Vec<String> = names
        .iter()
        .map(|name| Keyring::generate(name).unwrap().expose_secret().to_owned())
        .collect();
    entries.join(",").parse().unwrap()
}

fn owner(number: u128) -> Owner {
    Owner {
        tenant: TenantId::from_uuid(Uuid::from_u128(1)),
        endpoint: EndpointId::from_uuid(Uuid::from_u128(2)),
        place: Place::Secret(Uuid::from_u128(number)),
    }
}

#[test]
fn what_is_sealed_opens_at_its_place_alone() {
    let keyring = keyring(&["k1"]);
    let sealed = keyring.seal(owner(1), b"secret").unwrap();
    let open = |owner| keyring.open(owner, &sealed.key, &sealed.bytes);
    assert_eq!(open(owner(1)).unwrap().as_slice(), b"secret");
    assert!(open(owner(2)).is_err());
    assert!(
        open(Owner {
            place: Place::Headers,
            ..owner(1)
        })
        .is_err()
    );
    let tenant = TenantId::from_uuid(Uuid::from_u128(9));
    assert!(open(Owner { tenant, ..owner(1) }).is_err());
    let endpoint = EndpointId::from_uuid(Uuid::from_u128(9));
    assert!(
        open(Owner {
            endpoint,
            ..owner(1)
        })
        .is_err()
    );
}

#[test]
fn what_was_altered_does_not_open() {
    let keyring = keyring(&["k1"]);
    let sealed = keyring.seal(owner(1), b"secret").unwrap();
    for at in 0..sealed.bytes.len() {
        let mut bytes = sealed.bytes.clone();
        bytes[at] ^= 1;
        assert!(keyring.open(owner(1), "k1", &bytes).is_err());
        assert!(keyring.open(owner(1), "k1", &bytes[..at]).is_err());
    }
}

#[test]
fn the_first_key_seals_and_every_key_opens() {
    let old = Keyring::generate("old").unwrap();
    let new = Keyring::generate("new").unwrap();
    let before: Keyring = old.expose_secret().parse().unwrap();
    let sealed = before.seal(owner(1), b"secret").unwrap();
    let both: Keyring = format!("{},{}", new.expose_secret(), old.expose_secret())
        .parse()
        .unwrap();
    assert_eq!(both.current(), "new");
    assert!(both.open(owner(1), &sealed.key, &sealed.bytes).is_ok());
    let after: Keyring = new.expose_secret().parse().unwrap();
    assert!(after.open(owner(1), &sealed.key, &sealed.bytes).is_err());
}

#[test]
fn the_same_secret_never_looks_the_same() {
    let keyring = keyring(&["k1"]);
    let [a, b] = [0, 1].map(|_| keyring.seal(owner(1), b"secret").unwrap().bytes);
    assert_ne!(a, b);
}

#[test]
fn other_texts_are_refused() {
    let zeros = STANDARD.encode([0; KEY_BYTES]);
    let parse = |text: &str| text.parse::<Keyring>().map(|_| ()).unwrap_err();
    assert_eq!(parse(""), ParseKeyringError::Name);
    assert_eq!(parse(&zeros), ParseKeyringError::Name);
    assert_eq!(parse(&format!("a b:{zeros}")), ParseKeyringError::Name);
    assert_eq!(parse("k1:AAAA"), ParseKeyringError::Key);
    assert_eq!(parse("k1:not base64"), ParseKeyringError::Key);
    assert_eq!(
        parse(&format!("k1:{zeros},k1:{zeros}")),
        ParseKeyringError::SameName
    );
}

#[test]
fn debug_shows_names_alone() {
    let text = Keyring::generate("k1").unwrap();
    let keyring: Keyring = text.expose_secret().parse().unwrap();
    assert_eq!(format!("{keyring:?}"), r#"Keyring(["k1"])"#);
}

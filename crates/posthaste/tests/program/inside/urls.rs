//! URLs and names that lead inside, and some that don't.

use testkit::name_server::Say;

/// The addresses of the receivers that may be reached.
pub(crate) const PUBLIC_V4: &str = "93.184.215.14";
pub(crate) const PUBLIC_V6: &str = "2606:2800:21f:cb07:6820:80da:af6b:8b2c";

/// Every form of a URL that leads inside: refused when an endpoint is made, and refused when one
/// that has it all the same is sent to.
pub(crate) const ADDRESSES: [&str; 69] = [
    // This machine, in every spelling.
    "https://127.0.0.1/",
    "https://127.0.0.1:8443/",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://127.0.0.1./",
    "https://127.255.255.254/",
    "https://１２７.０.０.１/",
    "https://127。0。0。1/",
    "https://①②⑦.⓪.⓪.①/",
    "https://%31%32%37.0.0.1/",
    "https:127.0.0.1",
    "https:////127.0.0.1/",
    "https://0/",
    "https://0.0.0.0/",
    "https://[::]/",
    "https://[::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::127.0.0.1]/",
    "https://[2002:7f00:1::]/",
    // What clouds tell their machines.
    "https://169.254.169.254/latest/meta-data/",
    "https://2852039166/",
    "https://0xA9FEA9FE/",
    "https://[::ffff:169.254.169.254]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[fd00:ec2::254]/",
    "https://[fd20:ce::254]/",
    "https://100.100.100.200/",
    "https://168.63.129.16/",
    // Networks that are not public.
    "https://10.0.0.1/",
    "https://10.1/",
    "https://167772161/",
    "https://[::ffff:10.0.0.1]/",
    "https://[64:ff9b::10.0.0.1]/",
    "https://[64:ff9b:1::1]/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://169.254.0.1/",
    "https://[fc00::1]/",
    "https://[fe80::1]/",
    "https://[fec0::1]/",
    // What is no one's.
    "https://192.0.0.1/",
    "https://192.0.2.1/",
    "https://192.88.99.1/",
    "https://198.18.0.1/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[ff02::1]/",
    "https://[2001::1]/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
    // Names that never leave a machine or a site.
    "https://localhost/",
    "https://LOCALHOST./",
    "https://a.localhost/",
    "https://%6c%6fcalhost/",
    "https://printer.local/",
    "https://metadata.google.internal/",
    "https://rabbitmq/",
];

/// URLs that no delivery goes to whatever the address is. The host's is public.
pub(crate) const FORMS: [&str; 9] = [
    "http://hooks.example/",
    "https://user@hooks.example/",
    "https://user:password@hooks.example/",
    "https://hooks.example/#fragment",
    "https://hooks.example:22/",
    "https://hooks.example:3306/",
    "https://hooks.example:6379/",
    "ftp://hooks.example/",
    "gopher://hooks.example:80/_x",
];

/// What is no URL, or is read as another one than it seems: refused when an endpoint is made.
pub(crate) const UNREADABLE: [&str; 8] = [
    "//10.0.0.1/",
    "https:\\\\10.0.0.1\\",
    "https://hooks.example\\@10.0.0.1/",
    "https://10.0.0.1\t/",
    "https://127.0.0.1%00.hooks.example/",
    "https://[fe80::1%25lo]/",
    "https://1.2.3.4.5/",
    "file:///etc/passwd",
];

/// The script of a name that always has these addresses.
pub(crate) fn at(addresses: &[&str]) -> Vec<Say> {
    vec![Say::addresses(addresses)]
}

/// Names that look like any other, and what the name server says of them: inside.
pub(crate) fn inside() -> Vec<(&'static str, Vec<Say>)> {
    let chain = |names: &[&'static str], address: &str| vec![Say::aliases(names, &[address])];
    vec![
        ("loopback.example", at(&["127.0.0.1"])),
        ("loopback-v6.example", at(&["::1"])),
        ("unspecified.example", at(&["0.0.0.0"])),
        ("private.example", at(&["10.0.0.1"])),
        ("metadata.example", at(&["169.254.169.254"])),
        ("metadata-v6.example", at(&["fd00:ec2::254"])),
        ("mapped.example", at(&["::ffff:10.0.0.1"])),
        ("translated.example", at(&["64:ff9b::a00:1"])),
        ("six-to-four.example", at(&["2002:a00:1::"])),
        ("one-of-two.example", at(&[PUBLIC_V4, "10.0.0.1"])),
        ("two-of-two.example", at(&["10.0.0.1", PUBLIC_V4])),
        ("other-family.example", at(&[PUBLIC_V4, "::1"])),
        ("alias.example", chain(&["db.internal."], "10.0.0.1")),
        (
            "chain.example",
            chain(
                &["one.example.", "two.example.", "metadata.google.internal."],
                "169.254.169.254",
            ),
        ),
        (
            "chain-of-public.example",
            chain(&["hooks.example.", "two.example."], "192.168.1.1"),
        ),
    ]
}

/// A name of the hosts file.
pub(crate) const IN_THE_HOSTS_FILE: &str = "in-hosts-file.example";

/// A name whose address is public, then inside, then public again, for no time each.
pub(crate) const REBOUND: &str = "rebound.example";

/// Names that are public.
pub(crate) fn public() -> Vec<(&'static str, Vec<Say>)> {
    let turns = [PUBLIC_V4, "10.0.0.1"].repeat(20);
    vec![
        ("hooks.example", at(&[PUBLIC_V4])),
        ("hooks-v6.example", at(&[PUBLIC_V6])),
        ("both.example", at(&[PUBLIC_V4, PUBLIC_V6])),
        ("xn--bcher-kva.example", at(&[PUBLIC_V4])),
        (
            "www.example",
            vec![Say::aliases(&["hooks.example."], &[PUBLIC_V4])],
        ),
        (
            REBOUND,
            turns.iter().map(|turn| Say::addresses(&[turn])).collect(),
        ),
    ]
}

/// Endpoints that must be reached.
pub(crate) const REACHED: [&str; 8] = [
    "https://hooks.example/",
    "https://hooks.example:8443/webhooks?a=b",
    "https://hooks-v6.example/",
    "https://both.example/",
    "https://bücher.example/",
    "https://www.example./",
    "https://93.184.215.14/",
    "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:8443/",
];

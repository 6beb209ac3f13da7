//! Which addresses a delivery may go to.
//!
//! Only what is globally reachable unicast is public; everything else is forbidden, with the reason.
//! An IPv6 address that the kernel or a NAT64 gateway delivers to the IPv4 address inside it is
//! judged by that one; the embeddings that nobody should use any more are forbidden whatever they
//! hold.
//! Sources: the IANA special-purpose registries for IPv4 and IPv6 (RFC 6890 and its successors).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// What an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Anybody's, on the public Internet.
    Public,
    /// Not to be sent to.
    Forbidden(Why),
}

/// Why an address is not to be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// "This host on this network" and unspecified addresses.
    Unspecified,
    /// This machine.
    Loopback,
    /// A private network.
    Private,
    /// Shared by a carrier's customers (RFC 6598).
    CarrierGrade,
    /// The local link.
    LinkLocal,
    /// A cloud's metadata service.
    Metadata,
    /// Multicast or broadcast.
    Multicast,
    /// Documentation, benchmarks and examples.
    Documentation,
    /// Reserved, deprecated, or a protocol's own.
    Reserved,
}

impl Why {
    /// In words, for an error message: "the address is …".
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Loopback => "this machine's own",
            Self::Private => "in a private network",
            Self::CarrierGrade => "in a carrier's shared network",
            Self::LinkLocal => "on the local link",
            Self::Metadata => "a cloud's metadata service",
            Self::Multicast => "multicast",
            Self::Documentation => "for documentation or benchmarks only",
            Self::Reserved => "reserved",
        }
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(segments: [u16; 8], prefix: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

/// The first row that holds an address decides.
const FORBIDDEN_V4: [(Ipv4Net, Why); 19] = [
    (v4(0, 0, 0, 0, 8), Why::Unspecified),         // RFC 791
    (v4(10, 0, 0, 0, 8), Why::Private),            // RFC 1918
    (v4(100, 100, 100, 200, 32), Why::Metadata),   // Alibaba Cloud
    (v4(100, 64, 0, 0, 10), Why::CarrierGrade),    // RFC 6598
    (v4(127, 0, 0, 0, 8), Why::Loopback),          // RFC 1122
    (v4(168, 63, 129, 16, 32), Why::Metadata),     // Azure
    (v4(169, 254, 169, 254, 32), Why::Metadata),   // AWS, Google Cloud, Azure and others
    (v4(169, 254, 0, 0, 16), Why::LinkLocal),      // RFC 3927
    (v4(172, 16, 0, 0, 12), Why::Private),         // RFC 1918
    (v4(192, 0, 0, 0, 24), Why::Reserved),         // RFC 6890
    (v4(192, 0, 2, 0, 24), Why::Documentation),    // RFC 5737
    (v4(192, 88, 99, 0, 24), Why::Reserved),       // RFC 7526
    (v4(192, 168, 0, 0, 16), Why::Private),        // RFC 1918
    (v4(198, 18, 0, 0, 15), Why::Documentation),   // RFC 2544
    (v4(198, 51, 100, 0, 24), Why::Documentation), // RFC 5737
    (v4(203, 0, 113, 0, 24), Why::Documentation),  // RFC 5737
    (v4(224, 0, 0, 0, 4), Why::Multicast),         // RFC 5771
    (v4(255, 255, 255, 255, 32), Why::Multicast),  // RFC 919
    (v4(240, 0, 0, 0, 4), Why::Reserved),          // RFC 1112
];

/// The first row that holds an address decides; what no row holds is public only in 2000::/3.
const FORBIDDEN_V6: [(Ipv6Net, Why); 19] = [
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), Why::Unspecified), // RFC 4291
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), Why::Loopback),    // RFC 4291
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 96), Why::Reserved),     // RFC 4291, IPv4-compatible
    (v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96), Why::Reserved), // RFC 7915, IPv4-translated
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), Why::Private), // RFC 8215
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), Why::Reserved), // RFC 6666
    (v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48), Why::Documentation), // RFC 5180
    // RFC 2928: Teredo (RFC 4380), ORCHID (RFC 4843, RFC 7343) and other protocols.
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), Why::Reserved),
    (
        v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
        Why::Documentation,
    ), // RFC 3849
    // RFC 3056, 6to4: its relay hands the packet on, to where this address does not say.
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), Why::Reserved),
    (v6([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16), Why::Reserved), // RFC 3701, the 6bone
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), Why::Documentation), // RFC 9637
    (v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), Why::Reserved), // RFC 9602
    (
        v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128),
        Why::Metadata,
    ), // AWS
    (v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128), Why::Metadata), // Google Cloud
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), Why::Private),   // RFC 4193
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), Why::LinkLocal), // RFC 4291
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), Why::Private),  // RFC 3879, site-local
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), Why::Multicast), // RFC 4291
];

const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// Judges an address.
#[must_use]
pub fn judge(address: IpAddr) -> Verdict {
    match address {
        IpAddr::V4(address) => judge_v4(address),
        IpAddr::V6(address) => match embedded_v4(address) {
            Some(embedded) => judge_v4(embedded),
            None => judge_v6(address),
        },
    }
}

fn judge_v4(address: Ipv4Addr) -> Verdict {
    let row = FORBIDDEN_V4
        .iter()
        .find(|(network, _)| network.contains(&address));
    row.map_or(Verdict::Public, |(_, why)| Verdict::Forbidden(*why))
}

fn judge_v6(address: Ipv6Addr) -> Verdict {
    let row = FORBIDDEN_V6
        .iter()
        .find(|(network, _)| network.contains(&address));
    match row {
        Some((_, why)) => Verdict::Forbidden(*why),
        None if GLOBAL_UNICAST.contains(&address) => Verdict::Public,
        None => Verdict::Forbidden(Why::Reserved),
    }
}

/// The IPv4 address that an IPv6 address is delivered to: mapped (RFC 4291), by the kernel, and
/// NAT64's well-known prefix (RFC 6052), by a gateway. The latter is what the name servers of an
/// IPv6-only network (DNS64, RFC 6147) give for every receiver that has IPv4 alone.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
        }
        _ => None,
    }
}

/// What an operator allows beside the public Internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressPolicy {
    /// Networks inside which endpoints may be.
    pub allowed: Vec<IpNet>,
    /// Whether URLs may be http.
    pub http: PlainHttp,
}

/// Whether URLs may be http.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainHttp {
    /// They may.
    Allowed,
    /// They may not: https only.
    Forbidden,
}

impl Default for AddressPolicy {
    /// The public Internet, over https.
    fn default() -> Self {
        Self {
            allowed: Vec::new(),
            http: PlainHttp::Forbidden,
        }
    }
}

impl AddressPolicy {
    /// Judges an address: one in an allowed network passes. An IPv4-mapped one is what it maps, so
    /// `::/0` allows no IPv4 address.
    #[must_use]
    pub fn judge(&self, address: IpAddr) -> Verdict {
        let address = address.to_canonical();
        if self
            .allowed
            .iter()
            .any(|network| network.contains(&address))
        {
            Verdict::Public
        } else {
            judge(address)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn judged(text: &str) -> Verdict {
        judge(text.parse().unwrap())
    }

    #[rstest]
    #[case("1.1.1.1")]
    #[case("8.8.8.8")]
    #[case("100.63.255.255")]
    #[case("100.128.0.0")]
    #[case("172.15.255.255")]
    #[case("172.32.0.0")]
    #[case("192.0.1.0")]
    #[case("198.17.255.255")]
    #[case("223.255.255.255")]
    #[case("2606:4700:4700::1111")]
    #[case("2a00:1450:4001:830::200e")]
    #[case("::ffff:8.8.8.8")]
    #[case("64:ff9b::808:808")]
    #[case("64:ff9b::1.1.1.1")]
    #[case("2000::1")]
    #[case("2001:200::1")]
    #[case("2001:db7:ffff::1")]
    #[case("2001:db9::1")]
    #[case("2003::1")]
    #[case("3fff:1000::1")]
    #[case("9.255.255.255")]
    #[case("11.0.0.0")]
    #[case("128.0.0.0")]
    #[case("168.63.129.15")]
    #[case("169.253.255.255")]
    #[case("169.255.0.0")]
    #[case("192.88.98.255")]
    #[case("192.167.255.255")]
    #[case("192.169.0.0")]
    #[case("198.20.0.0")]
    #[case("203.0.114.0")]
    fn public(#[case] text: &str) {
        assert_eq!(judged(text), Verdict::Public);
    }

    #[rstest]
    #[case("0.0.0.0", Why::Unspecified)]
    #[case("0.1.2.3", Why::Unspecified)]
    #[case("10.255.255.255", Why::Private)]
    #[case("100.64.0.1", Why::CarrierGrade)]
    #[case("100.100.100.200", Why::Metadata)]
    #[case("127.0.0.1", Why::Loopback)]
    #[case("127.255.255.255", Why::Loopback)]
    #[case("168.63.129.16", Why::Metadata)]
    #[case("169.254.169.254", Why::Metadata)]
    #[case("169.254.0.1", Why::LinkLocal)]
    #[case("172.31.255.255", Why::Private)]
    #[case("192.0.0.8", Why::Reserved)]
    #[case("192.0.2.1", Why::Documentation)]
    #[case("192.88.99.1", Why::Reserved)]
    #[case("192.168.1.1", Why::Private)]
    #[case("198.19.255.255", Why::Documentation)]
    #[case("224.0.0.1", Why::Multicast)]
    #[case("240.0.0.1", Why::Reserved)]
    #[case("255.255.255.255", Why::Multicast)]
    #[case("::", Why::Unspecified)]
    #[case("::1", Why::Loopback)]
    #[case("::127.0.0.1", Why::Reserved)]
    #[case("::8.8.8.8", Why::Reserved)]
    #[case("::2", Why::Reserved)]
    #[case("::ffff:127.0.0.1", Why::Loopback)]
    #[case("::ffff:0:0", Why::Unspecified)]
    #[case("::ffff:0:10.0.0.1", Why::Reserved)]
    #[case("::ffff:0:8.8.8.8", Why::Reserved)]
    #[case("::ffff:255.255.255.255", Why::Multicast)]
    #[case("::ffff:169.254.169.254", Why::Metadata)]
    #[case("64:ff9b::7f00:1", Why::Loopback)]
    #[case("64:ff9b:1::1", Why::Private)]
    #[case("64:ff9b::a9fe:a9fe", Why::Metadata)]
    #[case("64:ff9b::1:0:0", Why::Reserved)]
    #[case("2002:7f00:1::", Why::Reserved)]
    #[case("2002:a00:1::1", Why::Reserved)]
    #[case("2002:808:808::1", Why::Reserved)]
    #[case("2001:0:4136:e378::1", Why::Reserved)]
    #[case("2001:2::1", Why::Documentation)]
    #[case("2001:10::1", Why::Reserved)]
    #[case("2001:20::1", Why::Reserved)]
    #[case("2001:1ff:ffff::1", Why::Reserved)]
    #[case("2001:db8::1", Why::Documentation)]
    #[case("3fff::1", Why::Documentation)]
    #[case("3fff:fff:ffff::1", Why::Documentation)]
    #[case("3ffe::1", Why::Reserved)]
    #[case("5f00::1", Why::Reserved)]
    #[case("fd00:ec2::254", Why::Metadata)]
    #[case("fd20:ce::254", Why::Metadata)]
    #[case("fc00::1", Why::Private)]
    #[case("fdff:ffff::1", Why::Private)]
    #[case("fe80::1", Why::LinkLocal)]
    #[case("fec0::1", Why::Private)]
    #[case("ff02::1", Why::Multicast)]
    #[case("100::1", Why::Reserved)]
    #[case("4000::1", Why::Reserved)]
    #[case("1fff:ffff::1", Why::Reserved)]
    #[case("fe00::1", Why::Reserved)]
    fn forbidden(#[case] text: &str, #[case] why: Why) {
        assert_eq!(judged(text), Verdict::Forbidden(why));
    }

    #[test]
    fn every_row_decides_something() {
        // A row behind a wider one would be dead.
        for (index, (network, _)) in FORBIDDEN_V4.iter().enumerate() {
            let before = &FORBIDDEN_V4[..index];
            assert!(
                !before.iter().any(|(wider, _)| wider.contains(network)),
                "{network}"
            );
        }
        for (index, (network, _)) in FORBIDDEN_V6.iter().enumerate() {
            let before = &FORBIDDEN_V6[..index];
            assert!(
                !before.iter().any(|(wider, _)| wider.contains(network)),
                "{network}"
            );
        }
    }

    #[test]
    fn all_of_ipv6_is_none_of_ipv4() {
        let policy = AddressPolicy {
            allowed: vec!["::/0".parse().unwrap()],
            ..AddressPolicy::default()
        };
        let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
        assert_eq!(
            policy.judge(mapped.into()),
            Verdict::Forbidden(Why::Loopback)
        );
        assert_eq!(policy.judge(Ipv6Addr::LOCALHOST.into()), Verdict::Public);
    }

    proptest! {
        #[test]
        fn an_embedding_is_judged_by_what_it_embeds(bits: u32) {
            let v4 = Ipv4Addr::from(bits);
            let plain = judge(v4.into());
            prop_assert_eq!(judge(v4.to_ipv6_mapped().into()), plain);
            let [a, b] = [bits >> 16, bits & 0xffff].map(|half| u16::try_from(half).unwrap());
            prop_assert_eq!(judge(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a, b).into()), plain);
        }

        #[test]
        fn nothing_but_global_unicast_and_what_maps_it_is_public(bits: u128) {
            let address = Ipv6Addr::from(bits);
            if judge(address.into()) == Verdict::Public {
                prop_assert!(GLOBAL_UNICAST.contains(&address) || embedded_v4(address).is_some());
            }
        }

        #[test]
        fn an_allowed_network_passes_and_nothing_beside_it(bits: u32) {
            let policy = AddressPolicy {
                allowed: vec!["10.1.0.0/16".parse().unwrap()],
                ..AddressPolicy::default()
            };
            let address = Ipv4Addr::from(bits);
            let inside = address.octets()[..2] == [10, 1];
            let expected = if inside { Verdict::Public } else { judge(address.into()) };
            prop_assert_eq!(policy.judge(address.into()), expected);
            prop_assert_eq!(policy.judge(address.to_ipv6_mapped().into()), expected);
        }
    }
}

//! Addresses of networks as RT keeps and shows them (`RT::ObjectCustomFieldValue`, `ParseIP` and `ParseIPRange`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address in its shortest spelling. `None`: it is none.
pub fn address(text: &str) -> Option<String> {
    parsed(text).map(|address| address.to_string())
}

/// A range: `10.0.0.0/24` becomes `10.0.0.0-10.0.0.255`, a range of one address that address. `None`: it is none.
pub fn range(text: &str) -> Option<String> {
    let (one, other) = match (text.split_once('-'), text.split_once('/')) {
        (Some((from, to)), _) => (parsed(from)?, parsed(to)?),
        (None, Some((base, bits))) => network(parsed(base)?, bits.trim().parse().ok()?)?,
        (None, None) => (parsed(text)?, parsed(text)?),
    };
    let (from, to) = (one.min(other), one.max(other));
    Some(if from == to { from.to_string() } else { format!("{from}-{to}") })
}

fn parsed(text: &str) -> Option<IpAddr> {
    text.trim().parse().ok()
}

fn network(base: IpAddr, bits: u32) -> Option<(IpAddr, IpAddr)> {
    match base {
        IpAddr::V4(base) => {
            let rest = u32::MAX.checked_shr(bits).unwrap_or(0);
            let ends = (u32::from(base) & !rest, u32::from(base) | rest);
            (bits <= 32).then(|| (Ipv4Addr::from(ends.0).into(), Ipv4Addr::from(ends.1).into()))
        }
        IpAddr::V6(base) => {
            let rest = u128::MAX.checked_shr(bits).unwrap_or(0);
            let ends = (u128::from(base) & !rest, u128::from(base) | rest);
            (bits <= 128).then(|| (Ipv6Addr::from(ends.0).into(), Ipv6Addr::from(ends.1).into()))
        }
    }
}

//! The wire format between Go and the host: u32 LE count, then for each item
//! u32 LE length and the bytes. Lists are bundles in bundles; numbers are u64 LE.

use crate::{text, Result};
use soroban_env_host::{
    xdr::{ReadXdr, WriteXdr},
    DEFAULT_XDR_RW_LIMITS,
};

pub fn pack<T: AsRef<[u8]>>(items: &[T]) -> Vec<u8> {
    let mut out = (items.len() as u32).to_le_bytes().to_vec();
    for item in items {
        let item = item.as_ref();
        out.extend_from_slice(&(item.len() as u32).to_le_bytes());
        out.extend_from_slice(item);
    }
    out
}

pub fn unpack(mut rest: &[u8]) -> Result<Vec<&[u8]>> {
    let count = number(take(&mut rest, 4)?)?;
    let mut items = vec![];
    for _ in 0..count {
        let len = number(take(&mut rest, 4)?)?;
        items.push(take(&mut rest, len as usize)?);
    }
    Ok(items)
}

/// Unpacks a bundle of a known number of items.
pub fn arguments<const N: usize>(input: &[u8]) -> Result<[&[u8]; N]> {
    let items = unpack(input)?;
    let got = items.len();
    items.try_into().map_err(|_| format!("expected {N} arguments, got {got}"))
}

fn take<'a>(rest: &mut &'a [u8], n: usize) -> Result<&'a [u8]> {
    if rest.len() < n {
        return Err("truncated bundle".into());
    }
    let (head, tail) = rest.split_at(n);
    *rest = tail;
    Ok(head)
}

/// A u32, little endian.
pub fn number(bytes: &[u8]) -> Result<u32> {
    Ok(u32::from_le_bytes(bytes.try_into().map_err(text)?))
}

pub fn numbers(values: &[u64]) -> Vec<u8> {
    values.iter().flat_map(|n| n.to_le_bytes()).collect()
}

pub fn decode<T: ReadXdr>(bytes: &[u8]) -> Result<T> {
    T::from_xdr(bytes, DEFAULT_XDR_RW_LIMITS).map_err(text)
}

pub fn encode<T: WriteXdr>(value: &T) -> Result<Vec<u8>> {
    value.to_xdr(DEFAULT_XDR_RW_LIMITS).map_err(text)
}

pub fn encode_all<T: WriteXdr>(values: &[T]) -> Result<Vec<u8>> {
    Ok(pack(&values.iter().map(encode).collect::<Result<Vec<_>>>()?))
}

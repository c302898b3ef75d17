//! The Soroban host (soroban-env-host and soroban-simulation) behind a small C
//! interface, built as a wasm32-wasip1 reactor.
//!
//! Exports: `sh_alloc(len) -> ptr`, `sh_free(ptr, len)` and the calls
//! `sh_simulate`, `sh_invoke`, `sh_ttl`, `sh_fees`, `sh_config`, each
//! `(ptr, len) -> u64`: they take a bundle and return `ptr << 32 | len` of a
//! bundle that the caller frees. A bundle of exactly one item is the text of an
//! internal error: every good answer has more items than one.
//!
//! Imports, besides WASI's random_get: see [`ledger`].

mod bundle;
mod cache;
mod config;
mod fees;
mod invoke;
mod ledger;
mod simulate;
mod ttl;

use bundle::pack;

/// Any failure of the glue itself, never of a contract.
type Result<T> = core::result::Result<T, String>;

fn text<E: core::fmt::Debug>(e: E) -> String {
    format!("{e:?}")
}

#[no_mangle]
pub extern "C" fn sh_alloc(len: usize) -> *mut u8 {
    Box::into_raw(vec![0u8; len].into_boxed_slice()) as *mut u8
}

/// # Safety
/// `ptr` and `len` must come from `sh_alloc` or from a returned bundle.
#[no_mangle]
pub unsafe extern "C" fn sh_free(ptr: *mut u8, len: usize) {
    drop(Box::from_raw(core::ptr::slice_from_raw_parts_mut(ptr, len)));
}

fn hand_over(answer: Result<Vec<Vec<u8>>>) -> u64 {
    let items = answer.unwrap_or_else(|e| vec![e.into_bytes()]);
    let bytes = pack(&items).into_boxed_slice();
    let len = bytes.len() as u64;
    ((Box::into_raw(bytes) as *mut u8 as u64) << 32) | len
}

macro_rules! export {
    ($name:ident, $call:expr) => {
        /// # Safety
        /// `ptr` and `len` must name an initialised buffer from `sh_alloc`.
        #[no_mangle]
        pub unsafe extern "C" fn $name(ptr: *const u8, len: usize) -> u64 {
            hand_over($call(core::slice::from_raw_parts(ptr, len)))
        }
    };
}
export!(sh_simulate, simulate::simulate);
export!(sh_invoke, invoke::invoke);
export!(sh_ttl, ttl::apply);
export!(sh_fees, fees::declared);
export!(sh_config, config::describe);

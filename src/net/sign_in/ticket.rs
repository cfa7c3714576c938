//! A Kerberos ticket of the user's for a proxy, through the system's own GSS-API (RFC 2743, RFC 2744), which knows where the tickets are
//! and how to get one. It is loaded when it is needed: a machine without it needs nothing of it.

/// The first message of Negotiate (SPNEGO, RFC 4178) to the service `HTTP@host`.
///
/// # Errors
/// In the system's words, why there is none.
#[cfg(unix)]
pub(super) fn token(host: &str) -> Result<Vec<u8>, String> {
    gss::token(host)
}

/// The first message of Negotiate to the service `HTTP@host`.
///
/// # Errors
/// Always: tickets are only known to be had through GSS-API.
#[cfg(not(unix))]
pub(super) fn token(_: &str) -> Result<Vec<u8>, String> {
    Err("this system's tickets cannot be used yet; give the user and the password".to_owned())
}

#[cfg(unix)]
#[expect(unsafe_code, reason = "the system's GSS-API is a C library, and linking to it would make it a condition of every start")]
mod gss {
    use libloading::{Library, Symbol};
    use std::ffi::c_void;
    use std::ptr;

    /// Where the library is: MIT's (and Heimdal's, under its own name) on Linux and the BSDs, Apple's on macOS.
    const NAMES: &[&str] = if cfg!(target_os = "macos") {
        &["/System/Library/Frameworks/GSS.framework/GSS"]
    } else {
        &["libgssapi_krb5.so.2", "libgssapi.so.3"]
    };

    /// `gss_OID_desc` (RFC 2744 section 3.3); Apple packs it.
    #[cfg_attr(not(target_os = "macos"), repr(C))]
    #[cfg_attr(target_os = "macos", repr(C, packed(2)))]
    struct Oid {
        length: u32,
        elements: *const c_void,
    }

    /// `gss_buffer_desc` (RFC 2744 section 3.2).
    #[repr(C)]
    struct Buffer {
        length: usize,
        value: *mut c_void,
    }

    /// GSS_C_NT_HOSTBASED_SERVICE, 1.2.840.113554.1.2.1.4 (RFC 2743 section 4.1).
    const HOSTBASED_SERVICE: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04";
    /// SPNEGO, 1.3.6.1.5.5.2 (RFC 4178 section 4).
    const SPNEGO: &[u8] = b"\x2b\x06\x01\x05\x05\x02";
    /// GSS_C_GSS_CODE and GSS_C_MECH_CODE: which half of a status is shown.
    const CODES: [i32; 2] = [1, 2];
    /// GSS_S_COMPLETE and GSS_S_CONTINUE_NEEDED; everything else has bits in the upper half (RFC 2744 section 3.9.1).
    const FAILED: u32 = 0xffff_0000;

    type ImportName = unsafe extern "C" fn(*mut u32, *const Buffer, *const Oid, *mut *mut c_void) -> u32;
    type ReleaseName = unsafe extern "C" fn(*mut u32, *mut *mut c_void) -> u32;
    type ReleaseBuffer = unsafe extern "C" fn(*mut u32, *mut Buffer) -> u32;
    type DeleteContext = unsafe extern "C" fn(*mut u32, *mut *mut c_void, *mut Buffer) -> u32;
    type DisplayStatus = unsafe extern "C" fn(*mut u32, u32, i32, *const Oid, *mut u32, *mut Buffer) -> u32;
    type InitContext = unsafe extern "C" fn(
        *mut u32,
        *mut c_void,
        *mut *mut c_void,
        *mut c_void,
        *const Oid,
        u32,
        u32,
        *mut c_void,
        *const Buffer,
        *mut *mut c_void,
        *mut Buffer,
        *mut u32,
        *mut u32,
    ) -> u32;

    fn oid(bytes: &'static [u8]) -> Oid {
        // Both constants are far below 2^32 bytes.
        Oid { length: u32::try_from(bytes.len()).unwrap_or_default(), elements: bytes.as_ptr().cast() }
    }

    pub(super) fn token(host: &str) -> Result<Vec<u8>, String> {
        // SAFETY: these are the system's own libraries, whose initialisers may run at any time.
        let library = NAMES.iter().find_map(|name| unsafe { Library::new(*name) }.ok());
        let library = library.ok_or("this system has no GSS-API library")?;
        let service = format!("HTTP@{host}");
        let (mut minor, mut name) = (0, ptr::null_mut());
        let (hostbased, spnego) = (oid(HOSTBASED_SERVICE), oid(SPNEGO));
        // SAFETY: the types are those of RFC 2744. Every pointer is to a local that outlives the call, inputs are only read, and what
        // the library allocates (name, context, buffer) is given back to it before the library is let go.
        unsafe {
            let text = Buffer { length: service.len(), value: service.as_ptr().cast_mut().cast() };
            let major = symbol::<ImportName>(&library, "gss_import_name")?(
                &raw mut minor,
                &raw const text,
                &raw const hostbased,
                &raw mut name,
            );
            if major & FAILED != 0 {
                return Err(words(&library, major, minor));
            }
            let (mut context, mut out) = (ptr::null_mut(), Buffer { length: 0, value: ptr::null_mut() });
            let major = symbol::<InitContext>(&library, "gss_init_sec_context")?(
                &raw mut minor,
                ptr::null_mut(),
                &raw mut context,
                name,
                &raw const spnego,
                0,
                0,
                ptr::null_mut(),
                ptr::null(),
                ptr::null_mut(),
                &raw mut out,
                ptr::null_mut(),
                ptr::null_mut(),
            );
            let result = if major & FAILED != 0 {
                Err(words(&library, major, minor))
            } else if out.value.is_null() || out.length == 0 {
                Err("the system gave an empty message".to_owned())
            } else {
                Ok(std::slice::from_raw_parts(out.value.cast::<u8>(), out.length).to_vec())
            };
            symbol::<ReleaseBuffer>(&library, "gss_release_buffer")?(&raw mut minor, &raw mut out);
            symbol::<DeleteContext>(&library, "gss_delete_sec_context")?(&raw mut minor, &raw mut context, ptr::null_mut());
            symbol::<ReleaseName>(&library, "gss_release_name")?(&raw mut minor, &raw mut name);
            result
        }
    }

    /// # Safety
    /// `T` must be the function's type.
    unsafe fn symbol<'l, T>(library: &'l Library, name: &str) -> Result<Symbol<'l, T>, String> {
        // SAFETY: as the caller promises.
        unsafe { library.get(name.as_bytes()) }.map_err(|_| format!("this system's GSS-API library has no {name}"))
    }

    /// What a status means, in the library's words.
    fn words(library: &Library, major: u32, minor: u32) -> String {
        let mut texts = Vec::new();
        for (code, status) in CODES.into_iter().zip([major, minor]) {
            let (mut other, mut more, mut out) = (0, 0, Buffer { length: 0, value: ptr::null_mut() });
            // SAFETY: as above; one message is taken, and its buffer given back.
            unsafe {
                let Ok(display) = symbol::<DisplayStatus>(library, "gss_display_status") else { break };
                let major = display(&raw mut other, status, code, ptr::null(), &raw mut more, &raw mut out);
                if major & FAILED == 0 && !out.value.is_null() {
                    texts.push(
                        String::from_utf8_lossy(std::slice::from_raw_parts(out.value.cast::<u8>(), out.length)).into_owned(),
                    );
                }
                if let Ok(release) = symbol::<ReleaseBuffer>(library, "gss_release_buffer") {
                    release(&raw mut other, &raw mut out);
                }
            }
        }
        texts.join("; ")
    }
}

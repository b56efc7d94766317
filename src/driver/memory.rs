//! What the allocator does with memory that was freed.

/// Has the allocator keep what is freed for what comes next, as long as the process lives.
///
/// glibc gives the end of a heap back to the kernel whenever 128 KiB are free there, and takes it anew
/// with the next request: thousands of system calls in a run, each of which also stops every other
/// measuring core for as long as it takes it to forget the pages. Other allocators are left alone.
pub(super) fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            // SAFETY: the calls take no pointers; a parameter that is refused leaves everything as it was.
            unsafe {
                libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
                libc::mallopt(libc::M_TOP_PAD, 1 << 20);
                libc::mallopt(libc::M_MMAP_THRESHOLD, 4 << 20);
            }
        });
    }
}

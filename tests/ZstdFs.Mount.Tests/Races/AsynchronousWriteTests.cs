using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Races;

/// <summary>io_submit(2) with O_DIRECT, as databases write, beside readers of the page cache.</summary>
internal sealed class AsynchronousWriteTests(Ground ground) : GroundTests(ground)
{
    [Test]
    public void ReadAfterTheWrite_SeesIt_WhateverOthersReadMeanwhile() => Python(
            """
            import ctypes, mmap, os, time
            libc = ctypes.CDLL(None, use_errno=True)
            class Iocb(ctypes.Structure):
                _fields_ = [("data", ctypes.c_uint64), ("key", ctypes.c_uint32), ("rw_flags", ctypes.c_uint32),
                    ("opcode", ctypes.c_uint16), ("priority", ctypes.c_int16),
                            ("fd", ctypes.c_uint32), ("buffer", ctypes.c_uint64), ("bytes", ctypes.c_uint64),
                                ("offset", ctypes.c_int64), ("reserved", ctypes.c_uint64 * 3)]
            PWRITE, SIZE = 1, 655360
            def call(number, *arguments):
                result = libc.syscall(number, *arguments)
                assert result >= 0, os.strerror(ctypes.get_errno())
                return result
            context = ctypes.c_uint64()
            call(206, 1, ctypes.byref(context))
            buffers = [mmap.mmap(-1, SIZE) for _ in range(2)]
            for buffer, byte in zip(buffers, b"ab"): buffer.write(bytes([byte]) * SIZE)
            with open("f", "wb") as f: f.write(buffers[0])
            readers = []
            for _ in range(2):
                if not (child := os.fork()):
                    while True:
                        with open("f", "rb", buffering=0) as f: f.read(SIZE)
                readers.append(child)
            try:
                end = time.monotonic() + 5
                count = 0
                while (now := time.monotonic()) < end or count <= 20 and now < end + 200:
                    count += 1
                    buffer = buffers[count % 2]
                    fd = os.open("f", os.O_RDWR | os.O_DIRECT)
                    request = Iocb(opcode=PWRITE, fd=fd, buffer=ctypes.addressof(ctypes.c_char.from_buffer(buffer)),
                        bytes=SIZE)
                    call(209, context, 1, ctypes.byref(ctypes.pointer(request)))
                    event = (ctypes.c_int64 * 4)()
                    call(208, context, 1, 1, event, None)
                    assert event[2] == SIZE, event[2]
                    os.close(fd)
                    with open("f", "rb", buffering=0) as f: found = f.read(SIZE)
                    assert found == buffer[:], f"write {count}: a read after it gives what was there before"
                assert count > 20, count
            finally:
                for child in readers:
                    os.kill(child, 9)
                    os.waitpid(child, 0)
            """);
}

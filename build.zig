//! zig build          the library, to zig-out/lib
//! zig build test     C tests and short fuzz runs (arm: -Dtarget=aarch64-linux-musl -fqemu)
//! zig build isa      the objects that hold SIMD code, to zig-out/isa, for test/isa.test.ts
//! zig build cross    the library for every platform of the package, to zig-out/<target>

const std = @import("std");
const builtin = @import("builtin");
const library = @import("build/library.zig");
const tests = @import("build/tests.zig");

const zig_version = "0.17.1";

/// What runs on every machine of this architecture: code for newer ones is chosen at run time.
const default_target: std.Target.Query = if (builtin.os.tag == .linux) .{
    .cpu_model = .baseline,
    .abi = .gnu,
    .glibc_version = .{ .major = 2, .minor = 17, .patch = 0 },
} else .{ .cpu_model = .baseline };

const platforms = [_][]const u8{
    "x86_64-linux-gnu.2.17", "aarch64-linux-gnu.2.17",
    "x86_64-linux-musl",     "aarch64-linux-musl",
    "x86_64-macos.13.0",     "aarch64-macos.13.0",
    "x86_64-windows-gnu",    "aarch64-windows-gnu",
};

pub fn build(b: *std.Build) void {
    if (comptime !std.mem.eql(u8, builtin.zig_version_string, zig_version)) {
        @compileError("voxtral builds with Zig " ++ zig_version ++ ", this is " ++ builtin.zig_version_string);
    }
    const target = b.standardTargetOptions(.{ .default_target = default_target });
    const optimize = b.option(std.lang.Optimize, "optimize", "debug, safe, fast (default) or small") orelse .fast;
    const sources = library.findSources(b);

    const shared = library.shared(b, sources, target, optimize);
    library.install(b, b.getInstallStep(), shared, .lib);

    const isa = b.step("isa", "Install the objects that hold SIMD code");
    for (library.simdObjects(b, sources, target, library.Build.release(optimize))) |object| {
        const file = b.addInstallFile(object.getEmittedBin(), b.fmt("isa/{s}.o", .{object.name}));
        isa.dependOn(&file.step);
    }

    tests.addStep(b, sources, target);

    const cross = b.step("cross", "Build the library for every platform of the package");
    for (platforms) |platform| {
        var query = std.Build.parseTargetQuery(.{ .arch_os_abi = platform }) catch @panic(platform);
        query.cpu_model = .baseline;
        const artifact = library.shared(b, sources, b.resolveTargetQuery(query), .fast);
        library.install(b, cross, artifact, .{ .custom = platform });
    }
}

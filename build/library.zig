//! The C library: lib/*.c, lib/capture/*.c and lib/cpu/*.c, with one object per SIMD level.

const std = @import("std");
const Target = std.Target;

/// A SIMD level lives in lib/cpu/kernels_<name>.c and is compiled as an object of its
/// own with these CPU features added: Zig ignores -m flags on single files.
const Level = struct { name: []const u8, arch: Target.Cpu.Arch, features: Target.Cpu.Feature.Set };
const avx2 = [_]Target.x86.Feature{ .avx2, .fma, .f16c };
const avx512 = avx2 ++ [_]Target.x86.Feature{ .avx512f, .avx512bw, .avx512vl, .avx512dq };
const levels = [_]Level{
    .{ .name = "avx2", .arch = .x86_64, .features = Target.x86.featureSet(&avx2) },
    .{ .name = "avx512", .arch = .x86_64, .features = Target.x86.featureSet(&avx512) },
    .{ .name = "avx512bf16", .arch = .x86_64, .features = Target.x86.featureSet(&(avx512 ++ [_]Target.x86.Feature{.avx512bf16})) },
    .{ .name = "neon", .arch = .aarch64, .features = .empty },
};

pub const Sources = struct {
    generic: []const []const u8,
    simd: []const struct { level: Level, path: []const u8 },
    version: []const u8,
};

/// How a set of objects is compiled.
pub const Build = struct {
    optimize: std.lang.Optimize,
    sanitize: std.zig.SanitizeC,

    pub fn release(optimize: std.lang.Optimize) Build {
        return .{ .optimize = optimize, .sanitize = if (optimize == .debug or optimize == .safe) .full else .off };
    }
    /// Optimised, or the tests would take minutes; undefined behaviour stops them.
    pub const testing: Build = .{ .optimize = .safe, .sanitize = .full };
};

/// Finds the sources, so that a new file needs no edit here. Sorted: builds are reproducible.
pub fn findSources(b: *std.Build) Sources {
    var generic: std.ArrayList([]const u8) = .empty;
    var simd: std.ArrayList(@typeInfo(@FieldType(Sources, "simd")).pointer.child) = .empty;
    for ([_][]const u8{ "lib", "lib/capture", "lib/cpu" }) |folder| {
        for (filesEndingIn(b, folder, ".c")) |path| {
            const level = for (levels) |level| {
                if (std.mem.eql(u8, path, b.fmt("lib/cpu/kernels_{s}.c", .{level.name}))) break level;
            } else null;
            if (level) |l| {
                simd.append(b.allocator, .{ .level = l, .path = path }) catch @panic("OOM");
            } else {
                generic.append(b.allocator, path) catch @panic("OOM");
            }
        }
    }
    return .{ .generic = generic.items, .simd = simd.items, .version = packageVersion(b) };
}

/// Paths of the files in a folder of the repository, sorted.
pub fn filesEndingIn(b: *std.Build, folder: []const u8, suffix: []const u8) []const []const u8 {
    const io = b.graph.io;
    b.dependOnDirectoryContents(b.path(folder));
    var dir = b.root.root_dir.handle.openDir(io, folder, .{ .iterate = true }) catch |err|
        std.debug.panic("cannot open {s}: {t}", .{ folder, err });
    defer dir.close(io);
    var paths: std.ArrayList([]const u8) = .empty;
    var entries = dir.iterate();
    while (entries.next(io) catch |err| std.debug.panic("cannot list {s}: {t}", .{ folder, err })) |entry| {
        if (!std.mem.endsWith(u8, entry.name, suffix)) continue;
        paths.append(b.allocator, b.fmt("{s}/{s}", .{ folder, entry.name })) catch @panic("OOM");
    }
    std.mem.sort([]const u8, paths.items, {}, struct {
        fn before(_: void, x: []const u8, y: []const u8) bool {
            return std.mem.lessThan(u8, x, y);
        }
    }.before);
    return paths.items;
}

/// package.json is the one place of the version.
fn packageVersion(b: *std.Build) []const u8 {
    b.dependOnFileContents(b.path("package.json"));
    const text = b.root.root_dir.handle.readFileAlloc(b.graph.io, "package.json", b.allocator, .limited(1 << 20)) catch |err|
        std.debug.panic("cannot read package.json: {t}", .{err});
    const Package = struct { version: []const u8 };
    const package = std.json.parseFromSliceLeaky(Package, b.allocator, text, .{ .ignore_unknown_fields = true }) catch |err|
        std.debug.panic("package.json has no version: {t}", .{err});
    return package.version;
}

/// The shared library, with the symbols of voxtral.h and no others.
pub fn shared(b: *std.Build, sources: Sources, target: std.Build.ResolvedTarget, optimize: std.lang.Optimize) *std.Build.Step.Compile {
    const how = Build.release(optimize);
    const artifact = b.addLibrary(.{ .name = "voxtral", .linkage = .dynamic, .root_module = module(b, sources, target, how) });
    artifact.link_z_defs = true; // a missing function fails here, not at dlopen
    artifact.link_gc_sections = true;
    return artifact;
}

/// Everything, for tests of internal functions.
pub fn static(b: *std.Build, sources: Sources, target: std.Build.ResolvedTarget, how: Build) *std.Build.Step.Compile {
    return b.addLibrary(.{ .name = "voxtral_internal", .linkage = .static, .root_module = module(b, sources, target, how) });
}

fn module(b: *std.Build, sources: Sources, target: std.Build.ResolvedTarget, how: Build) *std.Build.Module {
    const root = cModule(b, target, how);
    root.addCSourceFiles(.{ .files = sources.generic, .flags = flags(b, sources.version) });
    for (simdObjects(b, sources, target, how)) |object| root.addObject(object);
    return root;
}

/// One object per SIMD level of the target's architecture.
pub fn simdObjects(b: *std.Build, sources: Sources, target: std.Build.ResolvedTarget, how: Build) []const *std.Build.Step.Compile {
    var objects: std.ArrayList(*std.Build.Step.Compile) = .empty;
    for (sources.simd) |source| {
        if (source.level.arch != target.result.cpu.arch) continue;
        var query = target.query;
        query.cpu_features_add.addFeatureSet(source.level.features);
        const root = cModule(b, b.resolveTargetQuery(query), how);
        root.addCSourceFile(.{ .file = b.path(source.path), .flags = flags(b, sources.version) });
        const name = b.fmt("kernels_{s}", .{source.level.name});
        objects.append(b.allocator, b.addObject(.{ .name = name, .root_module = root })) catch @panic("OOM");
    }
    return objects.items;
}

pub fn cModule(b: *std.Build, target: std.Build.ResolvedTarget, how: Build) *std.Build.Module {
    return b.createModule(.{
        .target = target,
        .optimize = how.optimize,
        .sanitize_c = how.sanitize,
        .strip = how.sanitize == .off,
        .link_libc = true,
        .pic = true,
    });
}

/// No fast-math and no contraction: a row's bits depend on its inputs alone, on every
/// machine. Kernels that want a fused multiply-add or a reordered sum say so.
pub fn flags(b: *std.Build, version: []const u8) []const []const u8 {
    return b.allocator.dupe([]const u8, &.{
        "-std=gnu11",           "-O3",
        "-Wall",                "-Wextra",
        "-Werror",              "-fno-math-errno",
        "-ffp-contract=off",    "-fvisibility=hidden",
        "-DVOX_BUILD",          b.fmt("-DVOX_VERSION=\"{s}\"", .{version}),
    }) catch @panic("OOM");
}

/// Only the file that dlopen takes: no import library, no debug database.
pub fn install(b: *std.Build, step: *std.Build.Step, artifact: *std.Build.Step.Compile, folder: std.Build.InstallDir) void {
    const copy = b.addInstallArtifact(artifact, .{
        .dest_dir = .{ .override = folder },
        .pdb_dir = .disabled,
        .implib_dir = .disabled,
        .h_dir = .disabled,
    });
    step.dependOn(&copy.step);
}

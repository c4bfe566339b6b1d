# Built at `npm ci` in a checkout, and by prebuildify. Sources and flags are native/build.json's, as in CMakeLists.txt.
{
  "variables": {
    "flags": ["<!@(node scripts/build-list.cjs flags)"],
    "kernel_flags": ["<!@(node scripts/build-list.cjs kernelFlags)"],
    "msvc_flags": ["/std:c++20", "/fp:precise", "/O2"],
  },
  "target_defaults": {
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
    "cflags_cc": ["<@(flags)"],
    "defines": ["<!@(node scripts/build-list.cjs defines)"],
    "xcode_settings": {
      "CLANG_CXX_LANGUAGE_STANDARD": "c++20",
      "GCC_ENABLE_CPP_EXCEPTIONS": "YES",
      "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
      "MACOSX_DEPLOYMENT_TARGET": "11.0",
      "OTHER_CPLUSPLUSFLAGS": ["<@(flags)"],
    },
    "msvs_settings": {"VCCLCompilerTool": {"ExceptionHandling": 1, "AdditionalOptions": ["<@(msvc_flags)"]}},
  },
  "targets": [
    {
      "target_name": "rmsprop",
      "sources": ["<!@(node scripts/build-list.cjs sources)"],
      "cflags!": ["-fno-exceptions"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "conditions": [
        ["target_arch=='x64'", {"dependencies": ["kernels_sse2", "kernels_avx2", "kernels_avx512"]}],
        ["target_arch=='arm64'", {"dependencies": ["kernels_neon"]}],
        ["target_arch=='arm'", {"dependencies": ["kernels_vfp"]}],
        ["OS=='linux'", {
          "libraries": ["-pthread"],
          "ldflags": ["-Wl,--version-script=<(module_root_dir)/native/exports.map"],
        }],
      ],
    },
  ],
  "conditions": [
    ["target_arch=='x64'", {
      "targets": [
        {
          "target_name": "kernels_sse2",
          "type": "static_library",
          "sources": ["<!@(node scripts/build-list.cjs kernelSource)"],
          "defines": ["RMSPROP_ISA=sse2"],
          "cflags_cc": ["<@(kernel_flags)", "<!@(node scripts/build-list.cjs instructionSets x64 sse2)"],
          "xcode_settings": {
            "OTHER_CPLUSPLUSFLAGS": ["<@(kernel_flags)", "<!@(node scripts/build-list.cjs instructionSets x64 sse2)"],
          },
        },
        {
          "target_name": "kernels_avx2",
          "type": "static_library",
          "sources": ["<!@(node scripts/build-list.cjs kernelSource)"],
          "defines": ["RMSPROP_ISA=avx2"],
          "cflags_cc": ["<@(kernel_flags)", "<!@(node scripts/build-list.cjs instructionSets x64 avx2)"],
          "xcode_settings": {
            "OTHER_CPLUSPLUSFLAGS": ["<@(kernel_flags)", "<!@(node scripts/build-list.cjs instructionSets x64 avx2)"],
          },
          "msvs_settings": {"VCCLCompilerTool": {"AdditionalOptions": ["/arch:AVX2"]}},
        },
        {
          "target_name": "kernels_avx512",
          "type": "static_library",
          "sources": ["<!@(node scripts/build-list.cjs kernelSource)"],
          "defines": ["RMSPROP_ISA=avx512"],
          "cflags_cc": ["<@(kernel_flags)", "<!@(node scripts/build-list.cjs instructionSets x64 avx512)"],
          "xcode_settings": {
            "OTHER_CPLUSPLUSFLAGS": ["<@(kernel_flags)", "<!@(node scripts/build-list.cjs instructionSets x64 avx512)"],
          },
          "msvs_settings": {"VCCLCompilerTool": {"AdditionalOptions": ["/arch:AVX512"]}},
        },
      ],
    }],
    ["target_arch=='arm64'", {
      "targets": [
        {
          "target_name": "kernels_neon",
          "type": "static_library",
          "sources": ["<!@(node scripts/build-list.cjs kernelSource)"],
          "defines": ["RMSPROP_ISA=neon"],
          "cflags_cc": ["<@(kernel_flags)"],
          "xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["<@(kernel_flags)"]},
        },
      ],
    }],
    ["target_arch=='arm'", {
      "targets": [
        {
          "target_name": "kernels_vfp",
          "type": "static_library",
          "sources": ["<!@(node scripts/build-list.cjs kernelSource)"],
          "defines": ["RMSPROP_ISA=vfp"],
          "cflags_cc": ["<@(kernel_flags)", "<!@(node scripts/build-list.cjs instructionSets arm vfp)"],
        },
      ],
    }],
  ],
}

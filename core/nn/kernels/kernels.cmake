# Every *.isa.cpp is compiled once per instruction set, into namespaces of its own; kernel_dispatch.cpp chooses at run time.
file(GLOB ATTUNE_ISA_SOURCES CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/*.isa.cpp")
set(ATTUNE_ISA_FLAGS -O3 -fopenmp-simd -fno-math-errno -fno-trapping-math -ffp-contract=fast)

function(attune_isa_library isa)
  add_library(attune_kernels_${isa} OBJECT ${ATTUNE_ISA_SOURCES})
  target_link_libraries(attune_kernels_${isa} PRIVATE attune_settings)
  set_target_properties(attune_kernels_${isa} PROPERTIES UNITY_BUILD OFF)
  target_compile_definitions(attune_kernels_${isa} PRIVATE ATTUNE_ISA=${isa})
  target_compile_options(attune_kernels_${isa} PRIVATE ${ATTUNE_ISA_FLAGS} ${ARGN})
  target_sources(attune_nn PRIVATE $<TARGET_OBJECTS:attune_kernels_${isa}>)
endfunction()

attune_isa_library(baseline)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  attune_isa_library(avx2 -mavx2 -mfma)
  attune_isa_library(avx512 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mprefer-vector-width=512)
  target_compile_definitions(attune_nn PRIVATE ATTUNE_X86_KERNELS=1)
endif()

# Kernels with intrinsics hold their sums in arrays that must become registers: the loops over them have to be unrolled.
set_source_files_properties(nn/kernels/decode_kernels.cpp nn/kernels/decode_lanes.cpp nn/kernels/eight_bit_kernels.cpp nn/kernels/low_rank.cpp
                            nn/kernels/tile_products.cpp nn/kernels/attention_bf16.cpp nn/kernels/attention_softmax_bf16.cpp
                            PROPERTIES COMPILE_OPTIONS "-O3")

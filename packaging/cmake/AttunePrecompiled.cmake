# Precompiled headers: a few sets, each compiled once, shared by every target that names it (attune_precompiled below).
# They only save time: every source still includes what it uses, and -DATTUNE_PCH=OFF builds without them to prove it.
option(ATTUNE_PCH "Share precompiled headers between targets" ON)

# GCC 12 forgets that a precompiled library header is a system header, and reports its known false alarms inside std::string.
if(ATTUNE_PCH AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(attune_settings INTERFACE -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread
                         -Wno-maybe-uninitialized)
endif()

# A precompiled header fits only code of the same position-independence; CMake would compile executables with -fPIE.
set(CMAKE_CXX_COMPILE_OPTIONS_PIE "-fPIC")

# attune_header_set(<set> LINK <targets...> [DEFINE <macros...>]): compiles packaging/cmake/precompiled/<set>.h. It must name
# no more than its headers need: the compiler refuses the set where a user lacks one of its macros.
function(attune_header_set set)
  cmake_parse_arguments(ARG "" "" "LINK;DEFINE" ${ARGN})
  set(source "${CMAKE_BINARY_DIR}/precompiled/${set}.cpp")
  file(CONFIGURE OUTPUT "${source}" CONTENT "// Carries the header set \"${set}\".\n")
  add_library(attune_headers_${set} OBJECT "${source}")
  set_target_properties(attune_headers_${set} PROPERTIES AUTOMOC OFF)
  target_link_libraries(attune_headers_${set} PRIVATE attune_settings ${ARG_LINK})
  if(ARG_DEFINE)
    target_compile_definitions(attune_headers_${set} PRIVATE ${ARG_DEFINE})
  endif()
  target_precompile_headers(attune_headers_${set} PRIVATE "${CMAKE_SOURCE_DIR}/packaging/cmake/precompiled/${set}.h")
endfunction()

if(ATTUNE_PCH)
  attune_header_set(base LINK tl::expected nlohmann_json::nlohmann_json)
  attune_header_set(torch LINK tl::expected nlohmann_json::nlohmann_json attune_torch)
  attune_header_set(cli LINK tl::expected nlohmann_json::nlohmann_json CLI11::CLI11 attune_torch)
  if(ATTUNE_GUI)
    attune_header_set(qt LINK tl::expected nlohmann_json::nlohmann_json Qt6::Widgets DEFINE QT_NO_KEYWORDS)
  endif()
endif()

# attune_precompiled(<target> <set>): the target's sources start from that header set.
function(attune_precompiled target set)
  if(ATTUNE_PCH)
    target_precompile_headers(${target} REUSE_FROM attune_headers_${set})
  endif()
endfunction()

# attune_layer(<folder under the caller> LINK <targets...>): the static library attune_<folder> from all its .cpp files.
# One library per folder keeps the borders of ARCHITECTURE.md real: what a folder does not link it cannot include.
function(attune_layer folder)
  cmake_parse_arguments(ARG "" "NAME" "LINK" ${ARGN})
  set(name ${ARG_NAME})
  if(NOT name)
    set(name attune_${folder})
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cpp"
       "${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.h")
  list(FILTER sources EXCLUDE REGEX "\\.isa\\.cpp$") # compiled once per instruction set, see core/nn/kernels
  set(compiled ${sources})
  list(FILTER compiled INCLUDE REGEX "\\.cpp$")
  if(compiled)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC attune_settings ${ARG_LINK})
    target_compile_definitions(${name} PRIVATE QT_NO_KEYWORDS)
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE attune_settings ${ARG_LINK})
  endif()
endfunction()

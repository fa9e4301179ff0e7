// Exports are plain pointers here: `fake_export_NAME`.
#pragma once

#define TVM_FFI_DLL_EXPORT_TYPED_FUNC(ExportName, Function) \
  constexpr auto* fake_export_##ExportName = &Function

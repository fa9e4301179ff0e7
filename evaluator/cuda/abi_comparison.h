// For the tests that compare our declarations with NVIDIA's headers: whether two functions are called alike.
#pragma once

#include <type_traits>

namespace warpwright::cuda {

template <class T>
constexpr bool is_complete() {
  return requires {
    sizeof(T);
  };
}

template <class A, class B>
constexpr bool same_parameter() {
  if constexpr (std::is_pointer_v<A> && std::is_pointer_v<B>) {
    using TargetA = std::remove_cv_t<std::remove_pointer_t<A>>;
    using TargetB = std::remove_cv_t<std::remove_pointer_t<B>>;
    if constexpr (std::is_void_v<TargetA> || std::is_void_v<TargetB> || std::is_function_v<TargetA>)
      return std::is_void_v<TargetA> == std::is_void_v<TargetB> &&
             std::is_function_v<TargetA> == std::is_function_v<TargetB>;
    else if constexpr (is_complete<TargetA>() && is_complete<TargetB>())
      return sizeof(TargetA) == sizeof(TargetB);
    else
      return !is_complete<TargetA>() && !is_complete<TargetB>();
  } else {
    constexpr bool kWholeA = std::is_integral_v<A> || std::is_enum_v<A>;
    constexpr bool kWholeB = std::is_integral_v<B> || std::is_enum_v<B>;
    return kWholeA == kWholeB && std::is_pointer_v<A> == std::is_pointer_v<B> && sizeof(A) == sizeof(B);
  }
}

template <class A, class B>
struct SameCall : std::false_type {};
template <class ResultA, class... As, class ResultB, class... Bs>
requires(sizeof...(As) == sizeof...(Bs)) struct SameCall<ResultA(As...), ResultB(Bs...)>
    : std::bool_constant<same_parameter<ResultA, ResultB>() && (same_parameter<As, Bs>() && ...)> {
};

}  // namespace warpwright::cuda

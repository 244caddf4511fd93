dnl SPDX-License-Identifier: Apache-2.0
dnl Copyright the tideway authors
dnl
dnl The configure script's own macros. Each library leaves VAR_CFLAGS and
dnl VAR_LIBS for make, HAVE_VAR and TW_VER_VAR (a string) in config.h, and a
dnl line in the summary that configure prints at its end.

dnl TW_CC_FLAG(VARIABLE, FLAG): append FLAG when the compiler takes it.
AC_DEFUN([TW_CC_FLAG], [
	AC_MSG_CHECKING([whether $CC accepts $2])
	tw_save_CFLAGS=$CFLAGS
	CFLAGS="$CFLAGS -Werror $2"
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
		[AC_MSG_RESULT([yes])
		$1="$$1 $2"],
		[AC_MSG_RESULT([no])])
	CFLAGS=$tw_save_CFLAGS
])

dnl TW_LIB_FOUND(VAR, pkg-config module): record a library that is there.
AC_DEFUN([TW_LIB_FOUND], [
	have_$1=yes
	tw_module=$(AS_ECHO(["$2"]) | $SED 's/ .*//')
	tw_version=$($PKG_CONFIG --modversion "$tw_module")
	AC_DEFINE([HAVE_$1], [1], [Define to 1 if $2 is there])
	AC_DEFINE_UNQUOTED([TW_VER_$1], ["$tw_version"], [Version of $2])
	tw_line=$(printf '  %-17s %s' "$tw_module" "$tw_version")
	tw_summary="$tw_summary
$tw_line"
])

dnl TW_LIB_NEED(VAR, pkg-config module, Debian package)
AC_DEFUN([TW_LIB_NEED], [
	PKG_CHECK_MODULES([$1], [$2], [TW_LIB_FOUND([$1], [$2])],
		[AC_MSG_ERROR([$2 is missing; on Debian: apt-get install $3])])
])

dnl TW_LIB_OPT(VAR, option name, pkg-config module, Debian package, use)
AC_DEFUN([TW_LIB_OPT], [
	AC_ARG_WITH([$2], [AS_HELP_STRING([--without-$2],
		[build without $3 ($5)])], [], [with_$2=auto])
	have_$1=no
	AS_IF([test "$with_$2" != no],
		[PKG_CHECK_MODULES([$1], [$3], [TW_LIB_FOUND([$1], [$3])], [:])])
	AS_IF([test "$have_$1" = no], [
		AS_IF([test "$with_$2" = yes],
			[AC_MSG_ERROR([$3 is missing; on Debian: apt-get install $4])])
		tw_line=$(printf '  %-17s %s' "$3" "no")
		tw_summary="$tw_summary
$tw_line"
		tw_missing="$tw_missing
  $5 (on Debian: apt-get install $4)"])
])

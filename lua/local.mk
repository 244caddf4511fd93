# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The Lua module and its scripts. To add a file, add its line.

# Copyright (c) 2026 INFITULUÁ E.I.C.E. backup collection maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real services on the loopback address, for tests, benchmarks and the demonstration.

Each is a context manager that keeps everything in a directory it is given, listens on ports that were free, and
leaves no process behind, whatever ends the program that started it.
"""

#!/usr/bin/env node
import '../../bin/plusminus.js';

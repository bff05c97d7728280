-- Put new jobs in: see submitting.lua.
local answer = submit(false)
return answer

-- The health of a GreenScaleWorkload in Argo CD. How to install it: docs/kubernetes.md, "GitOps".
-- `Ready` is True at zero replicas and while a worker starts: both are Healthy, or an Application would change with each job.
local status = obj.status or {}

local function condition(kind)
  for _, each in ipairs(status.conditions or {}) do
    if each.type == kind then
      return each
    end
  end
  return {}
end

local function health(code, message)
  return {status = code, message = message or ""}
end

if status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", "The operator has not processed this generation yet.")
end

local accepted, degraded = condition("SpecAccepted"), condition("Degraded")
local suspended, ready = condition("Suspended"), condition("Ready")

if accepted.status == "False" then
  return health("Degraded", accepted.message)
end
if degraded.status == "True" then
  return health("Degraded", degraded.message)
end
if suspended.status == "True" then
  return health("Suspended", suspended.message)
end
if ready.status == "True" then
  return health("Healthy", ready.message)
end
return health("Progressing", ready.message)
